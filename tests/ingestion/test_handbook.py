"""The sample handbook, from its files to chunks: what the questions rest on must be found in the text, whole."""

import json
import re
from pathlib import Path

import pytest

from footnote.core.types import ChunkingRecipe, Document
from ingestion.chunking import chunk
from ingestion.cleaning import clean
from ingestion.parsing import ParsingLimits, parse
from tests.ingestion.test_chunking import assert_sound, word_spans

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted((EXAMPLES / "handbook").iterdir())
_GLUE = re.compile(r"[\s|•…]+|(?<!\w)[-–—*](?!\w)")
"""What formats put between words: spaces, cell borders, bullets."""


@pytest.fixture(scope="module")
def handbook() -> dict[str, Document]:
    return {path.name: clean(parse(path, filename=path.name, limits=ParsingLimits())) for path in FILES}


def squeezed(text: str) -> str:
    return _GLUE.sub(" ", text).strip()


def gold() -> list[tuple[str, int | None, str]]:
    lines = (EXAMPLES / "handbook-questions.jsonl").read_text(encoding="utf-8").splitlines()
    return sorted({(g["document"], g["page"], g["quote"]) for line in lines for g in json.loads(line)["gold"]}, key=str)


def test_every_format_has_headings_or_a_table(handbook: dict[str, Document]):
    for name, document in handbook.items():
        assert {element.kind.value for element in document.elements} & {"title", "table"}, name
        assert document.language == "en", name


def test_chunks_are_sound(handbook: dict[str, Document]):
    recipe = ChunkingRecipe(kind="auto", max_tokens=120, overlap_tokens=0)
    for name, document in handbook.items():
        chunks = chunk(document, recipe=recipe, token_spans=word_spans, window_tokens=120, version_id=name)
        assert_sound(document, chunks, size=120)


def test_quotes_that_answers_rest_on_are_found_on_their_page(handbook: dict[str, Document]):
    missing = []
    for name, page, quote in gold():
        document = handbook[name]
        on_page = " ".join(document.text[e.start : e.end] for e in document.elements if page is None or e.page == page)
        if squeezed(quote) not in squeezed(on_page):
            missing.append((name, page, quote))
    assert missing == []


def test_headings_of_the_handbook_form_a_path(handbook: dict[str, Document]):
    document = handbook["safety-manual.pdf"]
    recipe = ChunkingRecipe(kind="auto", max_tokens=120, overlap_tokens=0)
    contexts = [c.context for c in chunk(document, recipe=recipe, token_spans=word_spans, window_tokens=120, version_id="v")]
    assert "Safety Manual for Workshops and Laboratories > 4. Machines > 4.3 Lifting" in contexts
