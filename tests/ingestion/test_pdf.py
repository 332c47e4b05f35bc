import threading
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from footnote.core.errors import DocumentTooLarge, UnreadableDocument
from footnote.core.types import Document, Element, ElementKind
from ingestion.cage.caged_process import CagedProcess
from ingestion.cage.frames import Request
from ingestion.cage.limits import CageLimits
from ingestion.parsing import ParsingLimits, parse
from ingestion.parsing.pdf import pdf_in_pieces
from ingestion.pieces import assembled
from tests.ingestion.files import BODY, lines, ruled_table, write_pdf

LIMITS = ParsingLimits()


def read(path: Path, limits: ParsingLimits = LIMITS) -> Document:
    return parse(path, filename="a.pdf", limits=limits)


def shown(document: Document, kind: ElementKind | None = None) -> list[str]:
    return [document.text[e.start : e.end] for e in document.elements if kind in (None, e.kind)]


def element(document: Document, text: str) -> Element:
    return next(e for e in document.elements if text in document.text[e.start : e.end])


def test_headings_paragraphs_and_list_items(tmp_path: Path):
    def page(canvas: Canvas):
        lines(canvas, ["Employee handbook"], y=780, size=22, bold=True)
        lines(canvas, ["1. Travel"], y=740, size=15, bold=True)
        lines(canvas, list(BODY), y=715)
        lines(canvas, ["What to bring"], y=660, size=10, bold=True)
        lines(canvas, ["• a valid passport", "• the booking that the desk", "  sent by mail"], y=640)

    document = read(write_pdf(tmp_path / "a.pdf", page))
    assert document.title == "Employee handbook"
    assert [(e.kind, e.level) for e in document.elements] == [
        (ElementKind.TITLE, 1),
        (ElementKind.TITLE, 2),
        (ElementKind.TEXT, None),
        (ElementKind.TITLE, 3),
        (ElementKind.LIST_ITEM, None),
        (ElementKind.LIST_ITEM, None),
    ]
    assert shown(document)[2] == " ".join(BODY)
    assert shown(document)[-1] == "• the booking that the desk sent by mail"


def test_every_element_has_its_page_and_a_box_on_it(tmp_path: Path):
    document = read(
        write_pdf(
            tmp_path / "a.pdf",
            lambda c: lines(c, ["Alpha stands on the first page."], x=100, y=700),
            lambda c: lines(c, ["Beta stands on the second page."], x=200, y=300),
        )
    )
    assert document.n_pages == 2
    alpha, beta = document.elements
    assert (alpha.page, beta.page) == (1, 2)
    assert alpha.box is not None
    assert beta.box is not None
    assert alpha.box.left == pytest.approx(100, abs=2)
    assert alpha.box.top < 842 - 700 < alpha.box.bottom + 1
    assert beta.box.left == pytest.approx(200, abs=2)
    assert beta.box.top < 842 - 300 < beta.box.bottom + 1


def test_pages_are_read_as_they_are_turned(tmp_path: Path):
    def turned(canvas: Canvas):
        canvas.setPageRotation(90)
        lines(canvas, list(BODY), x=72, y=400)

    box = read(write_pdf(tmp_path / "a.pdf", turned)).elements[0].box
    assert box is not None
    assert box.top == pytest.approx(72, abs=2), "the left margin is the upper one after a turn to the right"


def test_two_columns_are_read_one_after_the_other(tmp_path: Path):
    left = [f"Left line {n} tells about pumps" for n in range(12)]
    right = [f"Right line {n} tells of valves" for n in range(12)]

    def page(canvas: Canvas):
        lines(canvas, ["A heading that spans both of the columns of this page, from end to end"], y=760, size=14, bold=True)
        for x, texts in ((60, left), (320, right)):
            lines(canvas, texts, x=x, y=700, size=14)

    text = read(write_pdf(tmp_path / "a.pdf", page)).text
    assert text.index("spans both") < text.index("Left line 0") < text.index("Left line 11") < text.index("Right line 0")


def test_running_headers_footers_and_page_numbers_are_dropped(tmp_path: Path):
    def page(number: int):
        def draw(canvas: Canvas):
            lines(canvas, ["Orrelwick Dosing, internal"], y=815, size=8)
            lines(canvas, [f"Chapter {number}"], y=770, size=20, bold=True)
            lines(canvas, [f"{BODY[0]} Part {number}.", BODY[1]], y=720)
            lines(canvas, [f"Edition 7, page {number} of 4"], y=30, size=8)

        return draw

    text = read(write_pdf(tmp_path / "a.pdf", *(page(n) for n in range(1, 5)))).text
    assert "internal" not in text
    assert "Edition" not in text
    assert all(f"Chapter {n}" in text for n in range(1, 5)), "a heading at the top of every page is no running header"


def test_footers_that_count_pages_are_dropped_at_any_height(tmp_path: Path):
    def page(number: int):
        def draw(canvas: Canvas):
            lines(canvas, [BODY[0], BODY[1]], y=700)
            lines(canvas, [f"Apple Inc. | Form 10-Q | {number + 4}"], y=600 - 40 * number, size=8)

        return draw

    text = read(write_pdf(tmp_path / "a.pdf", *(page(n) for n in range(1, 5)))).text
    assert "Form 10-Q" not in text


def test_a_line_at_the_edge_of_one_page_stays(tmp_path: Path):
    text = read(
        write_pdf(tmp_path / "a.pdf", lambda c: lines(c, ["Only once up here"], y=815), lambda c: lines(c, ["Other words"], y=815))
    ).text
    assert "Only once" in text
    assert "Other words" in text


def test_words_broken_at_line_ends_are_joined_but_compounds_keep_their_hyphen(tmp_path: Path):
    def page(canvas: Canvas):
        lines(canvas, ["Self-hosted servers need no reim-", "bursement, and being self-", "hosted they keep documents in."])

    (text,) = shown(read(write_pdf(tmp_path / "a.pdf", page)))
    assert "no reimbursement, and" in text
    assert "being self-hosted they" in text


def test_ruled_table(tmp_path: Path):
    rows = [["City", "Hotel", "Meals"], ["Paris", "140", "60"], ["Lenzow\nand around", "95", "45"]]

    def page(canvas: Canvas):
        lines(canvas, ["The limits are as follows."], y=700)
        ruled_table(canvas, rows, y=560, widths=[120, 60, 60])
        lines(canvas, ["Nothing else is paid."], y=500)

    document = read(write_pdf(tmp_path / "a.pdf", page))
    assert [e.kind for e in document.elements] == [ElementKind.TEXT, ElementKind.TABLE, ElementKind.TEXT]
    assert shown(document)[1] == "City | Hotel | Meals\nParis | 140 | 60\nLenzow and around | 95 | 45"
    assert document.elements[1].n_header_rows == 1


def test_ruled_table_of_words_alone(tmp_path: Path):
    rows = [["Building", "Assembly point that is far away"], ["A", "Lawn"], ["B", "Car park"]]
    document = read(write_pdf(tmp_path / "a.pdf", lambda c: ruled_table(c, rows)))
    assert shown(document, ElementKind.TABLE) == ["Building | Assembly point that is far away\nA | Lawn\nB | Car park"]


def test_aligned_table_without_lines(tmp_path: Path):
    def page(canvas: Canvas):
        lines(canvas, ["Table 2: Net sales"], y=720)
        lines(canvas, ["Three months ended"], x=320, y=700)
        for index, (label, now, before) in enumerate(
            [("", "2022", "2021"), ("Products", "96,388", "104,429"), ("Services", "20,766", "19,516"), ("Total", "117,154", "123,945")]
        ):
            y = 685 - 14 * index
            lines(canvas, [label], x=72, y=y)
            for x, cell in ((320, now), (420, before)):
                lines(canvas, [cell], x=x, y=y)
                if label == "Total":
                    lines(canvas, ["$"], x=x - 20, y=y)

    document = read(write_pdf(tmp_path / "a.pdf", page))
    (table,) = [e for e in document.elements if e.kind is ElementKind.TABLE]
    assert document.text[table.start : table.end].split("\n") == [
        "| Three months ended",
        "| 2022 | 2021",
        "Products | 96,388 | 104,429",
        "Services | 20,766 | 19,516",
        "Total | $ 117,154 | $ 123,945",
    ]
    assert table.n_header_rows == 2
    assert table.caption == "Table 2: Net sales"


def test_prose_with_wide_gaps_is_no_table(tmp_path: Path):
    def page(canvas: Canvas):
        for index, text in enumerate(BODY):
            lines(canvas, [text], x=72, y=700 - 14 * index)
        lines(canvas, ["Signed:"], x=72, y=600)
        lines(canvas, ["Ada"], x=300, y=600)

    assert shown(read(write_pdf(tmp_path / "a.pdf", page)), ElementKind.TABLE) == []


def test_numbered_items_are_no_table(tmp_path: Path):
    def page(canvas: Canvas):
        for index, text in enumerate(BODY):
            lines(canvas, [f"{index + 1}."], x=72, y=700 - 20 * index)
            lines(canvas, [text], x=110, y=700 - 20 * index)

    document = read(write_pdf(tmp_path / "a.pdf", page))
    assert [e.kind for e in document.elements] == [ElementKind.LIST_ITEM] * 3


def test_encrypted(tmp_path: Path):
    with pytest.raises(UnreadableDocument, match="password"):
        read(write_pdf(tmp_path / "a.pdf", lambda c: lines(c, ["secret"]), password="open sesame"))


def test_truncated(tmp_path: Path):
    whole = write_pdf(tmp_path / "a.pdf", lambda c: lines(c, list(BODY))).read_bytes()
    (tmp_path / "b.pdf").write_bytes(whole[:300])
    with pytest.raises(UnreadableDocument, match="damaged or truncated"):
        read(tmp_path / "b.pdf")


def test_without_pages(tmp_path: Path):
    objects = (b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>")
    content, offsets = b"%PDF-1.4\n", []
    for number, content_of_object in enumerate(objects, start=1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, content_of_object)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    content += b"xref\n0 3\n0000000000 65535 f \n%strailer\n<</Root 1 0 R/Size 3>>\nstartxref\n%d\n%%%%EOF\n" % (table, len(content))
    (tmp_path / "a.pdf").write_bytes(content)
    with pytest.raises(UnreadableDocument, match="no pages"):
        read(tmp_path / "a.pdf")


def test_limits(tmp_path: Path):
    path = write_pdf(tmp_path / "a.pdf", *[lambda c: lines(c, list(BODY))] * 3)
    with pytest.raises(DocumentTooLarge, match="3 pages; at most 2"):
        read(path, ParsingLimits(max_pages=2))
    with pytest.raises(DocumentTooLarge, match="longer than 100"):
        read(path, ParsingLimits(max_text_chars=100))


def test_threads_do_not_meet_in_pdfium(tmp_path: Path):
    paths = [write_pdf(tmp_path / f"{n}.pdf", *[lambda c, n=n: lines(c, [f"Document {n}", *BODY])] * 6) for n in range(4)]
    texts: dict[int, str] = {}
    threads = [threading.Thread(target=lambda n=n, p=p: texts.update({n: read(p).text})) for n, p in enumerate(paths)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {n: text.count(f"Document {n}") for n, text in texts.items()} == dict.fromkeys(range(4), 6)


def test_windows_of_pages_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def page(number: int):
        def draw(canvas: Canvas):
            lines(canvas, ["Orrelwick Dosing, internal"], y=815, size=8)
            if number in (1, 5):
                lines(canvas, [f"{number} Chapter"], y=770, size=20 if number == 5 else 15, bold=True)
            lines(canvas, [f"{BODY[0]} Part {number}.", "This needs no reim-", "bursement." if number == 1 else "bursement, ever."], y=720)
            lines(canvas, [f"Edition 7, page {number} of 7"], y=30, size=8)

        return draw

    path = write_pdf(tmp_path / "a.pdf", *(page(n) for n in range(1, 8)))
    whole = read(path)
    monkeypatch.setattr("ingestion.parsing.pdf._WINDOW_PAGES", 2)
    monkeypatch.setattr("ingestion.parsing.pdf.spool._IN_MEMORY_BYTES", 100)
    monkeypatch.setattr("ingestion.parsing.pdf.assembly.PIECE_CHARS", 100)
    told: list[tuple[int, int | None]] = []
    pieces = list(pdf_in_pieces(path, limits=LIMITS, progress=lambda done, total: told.append((done, total))))
    assert assembled(pieces) == whole
    assert len(pieces) > 5
    assert told == [(n, 7) for n in range(1, 8)]
    assert "Orrelwick" not in whole.text
    assert "Edition" not in whole.text
    assert [whole.text[e.start : e.end] for e in whole.elements if e.level] == ["1 Chapter", "5 Chapter"]
    assert [e.level for e in whole.elements if e.level] == [2, 1], "the largest size of the whole document is the first level"


def test_memory_does_not_grow_with_the_number_of_pages(tmp_path: Path):
    def page(canvas: Canvas):
        canvas.setFont("Helvetica", 4)
        for index in range(120):
            text = f"{canvas.getPageNumber()}.{index} {BODY[index % 3][:20]}"
            canvas.drawString(30 if index % 2 else 300, 800 - 6 * (index // 2) - index % 2 * 3, text)

    peaks: list[int] = []
    for n_pages in (100, 400):
        path = write_pdf(tmp_path / f"{n_pages}.pdf", *[page] * n_pages)
        process = CagedProcess(CageLimits(memory_bytes=2**30, cpu_s=300, wall_s=300, output_bytes=2**30))
        document = process.call([Request(action="parse", cpu_s=300, path=str(path), filename="a.pdf", limits=LIMITS)])
        process.close()
        assert document.n_pages == n_pages
        peaks.append(process.peak_bytes)
    assert peaks[1] - peaks[0] < 7 * 2**20, "four times as many pages take hardly more memory"
