"""A question about one cell finds its row: each chunk of a PDF's table says what its columns and the table are called."""

from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from footnote.core.types import Chunk, ChunkingRecipe, Document, ElementKind
from ingestion.chunking import chunk
from ingestion.cleaning import clean
from ingestion.parsing import ParsingLimits, parse
from tests.ingestion.files import BODY, lines, ruled_table, write_pdf
from tests.ingestion.test_chunking import word_spans

HEADER = ["Place", "Hotel in pounds", "Meals in pounds"]
CAPTION = "Table 3: Limits by place"


def rows(first: int, last: int) -> list[list[str]]:
    return [[f"Town {n}", str(90 + n), str(30 + n)] for n in range(first, last + 1)]


def aligned_table(canvas: Canvas, cells: list[list[str]], *, y: float) -> None:
    for index, row in enumerate(cells):
        for x, cell in zip((72, 220, 380), row, strict=True):
            lines(canvas, [cell], x=x, y=y - 14 * index)


def draw_table(canvas: Canvas, cells: list[list[str]], *, ruled: bool, y: float = 690) -> None:
    if ruled:
        ruled_table(canvas, cells, y=y - 18 * len(cells), widths=[120, 120, 120])
    else:
        aligned_table(canvas, cells, y=y)


def read(path: Path) -> Document:
    return clean(parse(path, filename="a.pdf", limits=ParsingLimits()))


def chunks_of(document: Document) -> list[Chunk]:
    recipe = ChunkingRecipe(kind="static", max_tokens=60, overlap_tokens=0)
    return chunk(document, recipe=recipe, token_spans=word_spans, window_tokens=60, version_id="v")


@pytest.mark.parametrize("ruled", [True, False])
def test_every_row_is_found_with_header_and_caption(tmp_path: Path, ruled: bool) -> None:
    def page(canvas: Canvas) -> None:
        lines(canvas, list(BODY), y=800)
        lines(canvas, [CAPTION], y=720)
        draw_table(canvas, [HEADER, *rows(1, 24)], ruled=ruled)

    chunks = chunks_of(read(write_pdf(tmp_path / "a.pdf", page)))
    for place, hotel, meals in rows(1, 24):
        (found,) = [each for each in chunks if f"{place} | {hotel} | {meals}" in each.text]
        assert " | ".join(HEADER) in found.embedded_text
        assert CAPTION in found.embedded_text
        assert found.page == 1


@pytest.mark.parametrize("ruled", [True, False])
@pytest.mark.parametrize("repeats_header", [True, False])
def test_a_table_that_goes_on_over_pages_keeps_its_header_and_caption(tmp_path: Path, ruled: bool, repeats_header: bool) -> None:
    def first(canvas: Canvas) -> None:
        lines(canvas, [CAPTION], y=720)
        draw_table(canvas, [HEADER, *rows(1, 20)], ruled=ruled)
        lines(canvas, ["Page 1 of 3"], y=30)

    def later(number: int) -> object:
        def draw(canvas: Canvas) -> None:
            cells = rows(20 * number - 19, 20 * number)
            draw_table(canvas, [HEADER, *cells] if repeats_header else cells, ruled=ruled)
            lines(canvas, [f"Page {number} of 3"], y=30)

        return draw

    document = read(write_pdf(tmp_path / "a.pdf", first, later(2), later(3)))  # pyright: ignore[reportArgumentType]
    tables = [element for element in document.elements if element.kind is ElementKind.TABLE]
    assert [(table.page, table.n_header_rows, table.caption) for table in tables] == [(n, 1, CAPTION) for n in (1, 2, 3)]
    for place, hotel, meals in rows(41, 60):
        (found,) = [each for each in chunks_of(document) if f"{place} | {hotel} | {meals}" in each.text]
        assert " | ".join(HEADER) in found.embedded_text
        assert CAPTION in found.embedded_text
        assert found.page == 3


def test_another_table_on_the_next_page_keeps_its_own_header(tmp_path: Path) -> None:
    path = write_pdf(
        tmp_path / "a.pdf",
        lambda c: draw_table(c, [HEADER, *rows(1, 5)], ruled=True),
        lambda c: draw_table(c, [["Pump", "Price", "Weight"], ["D15", "296", "2.4"], ["D40", "412", "3.1"]], ruled=True),
    )
    document = read(path)
    assert document.text.count("Hotel in pounds") == 1
    assert "Pump | Price | Weight\nD15 | 296 | 2.4" in document.text


def test_a_table_after_text_on_the_next_page_is_another_one(tmp_path: Path) -> None:
    def second(canvas: Canvas) -> None:
        lines(canvas, [BODY[0]], y=780)
        draw_table(canvas, rows(6, 9), ruled=True)

    document = read(write_pdf(tmp_path / "a.pdf", lambda c: draw_table(c, [HEADER, *rows(1, 5)], ruled=True), second))
    assert document.text.count("Hotel in pounds") == 1
