"""Chunking: exact offsets, nothing lost, nothing over the window, headings as context."""

import re
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.core.types import Chunk, ChunkingRecipe, Document, ElementKind, heading_of, page_at
from ingestion.chunking import chunk, windows
from ingestion.chunking.groups import grouped
from ingestion.chunking.sections import sections_of
from ingestion.chunking.splitting import sentences, split_spans
from ingestion.chunking.tokens import Tokens
from ingestion.elements import DocumentBuilder


def word_spans(text: str) -> list[tuple[int, int]]:
    """Words and signs: what most tokenizers begin with."""
    return [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]


def byte_spans(text: str) -> list[tuple[int, int]]:
    """A token for every four bytes of UTF-8 of a character, whitespace included: dearer than any real tokenizer."""
    return [(index, index + 1) for index, character in enumerate(text) for _ in range(max(1, len(character.encode(errors="replace")) // 2))]


TITLE, TEXT, TABLE = ElementKind.TITLE, ElementKind.TEXT, ElementKind.TABLE


def document_of(*pieces: tuple[ElementKind, str, dict[str, object]]) -> Document:
    builder = DocumentBuilder(max_text_chars=10**9)
    for kind, text, properties in pieces:
        builder.add(kind, text, **properties)  # type: ignore[arg-type]
    return builder.build(media_type="text/plain")


def title(text: str, level: int) -> tuple[ElementKind, str, dict[str, object]]:
    return (TITLE, text, {"level": level})


def text(content: str, **properties: object) -> tuple[ElementKind, str, dict[str, object]]:
    return (TEXT, content, properties)


def prose(n_words: int, name: str = "Word") -> str:
    """Sentences of ten tokens."""
    return " ".join(f"{name}{n}" + ("." if n % 9 == 8 else "") for n in range(n_words))


def chunks_of(document: Document, *, size: int = 60, overlap: int = 0, kind: str = "auto", window: int | None = None) -> list[Chunk]:
    recipe = ChunkingRecipe(kind=kind, max_tokens=size, overlap_tokens=overlap)  # type: ignore[arg-type]
    return chunk(document, recipe=recipe, token_spans=word_spans, window_tokens=window or size, version_id="ver_1")


def assert_sound(document: Document, chunks: list[Chunk], *, size: int, overlap: int = 0, spans=word_spans) -> None:
    assert [c.ordinal for c in chunks] == list(range(len(chunks)))
    assert len({c.id for c in chunks}) == len(chunks)
    for c in chunks:
        assert document.text[c.start : c.end] == c.text
        assert c.text.strip() == c.text != ""
        assert c.n_tokens == len(spans(c.embedded_text)) <= size
    for before, after in pairwise(chunks):
        assert before.start < after.start
        assert overlap or before.end <= after.start
    covered = {position for c in chunks for position in range(c.start, c.end)}
    for element in document.elements:
        missing = [p for p in range(element.start, element.end) if p not in covered and not document.text[p].isspace()]
        assert missing == []


def test_context_is_the_heading_path():
    document = document_of(
        title("Guide", 1), text(prose(45, "a")), title("Travel", 2), text(prose(45, "b")), title("Limits", 3), text(prose(45, "c")),
        title("Pay", 2), text(prose(45, "d")),
    )  # fmt: skip
    chunks = chunks_of(document)
    assert [c.context for c in chunks] == ["Guide", "Guide > Travel", "Guide > Travel > Limits", "Guide > Pay"]
    assert chunks[2].text.startswith("Limits\n\nc0")
    assert_sound(document, chunks, size=60)


def test_long_sections_are_cut_at_sentences():
    document = document_of(title("Guide", 1), text(prose(300)))
    chunks = chunks_of(document)
    assert_sound(document, chunks, size=60)
    assert len(chunks) > 5
    assert all(c.text.endswith(".") for c in chunks[:-1])
    assert all(c.context == "Guide" for c in chunks)


def test_a_heading_is_not_left_alone_before_long_text():
    document = document_of(title("Guide", 1), text(prose(55)), title("Next", 1), text(prose(120)))
    assert all(c.text not in ("Guide", "Next") for c in chunks_of(document))


def test_tiny_sections_go_together_under_the_headings_that_they_share():
    document = document_of(
        title("Guide", 1), text("Hello there."), title("Bus", 2), text("At eight."), title("Car", 2), text("At nine."),
        title("Annex", 1), text("The end."),
    )  # fmt: skip
    chunks = chunks_of(document)
    assert [c.context for c in chunks] == ["Guide", "Annex"], "nothing is joined across a heading that stands higher"
    assert chunks[0].text.endswith("Car\n\nAt nine.")
    assert_sound(document, chunks, size=60)


def test_siblings_at_the_top_are_joined_when_tiny():
    document = document_of(title("Bus", 2), text("At eight."), title("Car", 2), text("At nine."))
    assert [c.context for c in chunks_of(document)] == [""]


def test_a_tiny_section_is_not_joined_to_a_higher_one():
    document = document_of(title("Guide", 1), text(prose(50)), title("Bus", 2), text("At eight."), title("Pay", 1), text("Monthly."))
    assert [c.context for c in chunks_of(document)] == ["Guide", "Guide > Bus", "Pay"]


def test_headings_without_text_join_what_follows():
    document = document_of(title("Guide", 1), title("Travel", 2), title("By train", 3), text(prose(36)))
    (only,) = chunks_of(document)
    assert only.context == "Guide > Travel > By train"
    assert only.text.startswith("Guide\n\nTravel\n\nBy train\n\nWord0")


def test_a_document_of_headings_alone_keeps_them():
    document = document_of(title("Welcome", 1), title("Goodbye", 1))
    chunks = chunks_of(document)
    assert_sound(document, chunks, size=60)
    assert "Goodbye" in chunks[-1].text


def rows(n: int, start: int = 0) -> str:
    return "\n".join(f"city{index} | {index} | {index + 1}" for index in range(start, start + n))


def test_the_work_stays_in_proportion_to_the_number_of_headings():
    def seconds(n: int) -> float:
        builder = DocumentBuilder(max_text_chars=10**7)
        for number in range(n):
            builder.add(ElementKind.TITLE, f"ARTICLE {number}", level=1, page=number)
        document = builder.build(media_type="text/plain")
        began = time.process_time()
        sections = sections_of(document)
        grouped(document, sections, size=254, tokens=Tokens(lambda text: [(place, place + 1) for place in range(len(text))]))
        return time.process_time() - began

    assert seconds(20_000) < 5  # the square of it took minutes


def test_a_table_that_fits_stays_whole_with_its_caption():
    table = f"City | Hotel | Meals\n{rows(3)}"
    document = document_of(title("Limits", 1), text(prose(50)), (TABLE, table, {"n_header_rows": 1, "caption": "What is paid"}))
    chunks = chunks_of(document)
    assert chunks[-1].text == table
    assert chunks[-1].context == "Limits\nWhat is paid"
    assert_sound(document, chunks, size=60)


def test_a_long_table_is_cut_between_rows_and_carries_its_header():
    table = f"City | Hotel | Meals\n{rows(40)}"
    document = document_of(title("Limits", 1), text("As follows:"), (TABLE, table, {"n_header_rows": 1, "caption": "What is paid"}))
    chunks = chunks_of(document)
    assert_sound(document, chunks, size=60)
    assert chunks[0].text.startswith("Limits\n\nAs follows:\n\nCity | Hotel | Meals\ncity0")
    assert chunks[0].context == "Limits\nWhat is paid"
    assert len(chunks) > 2
    for c in chunks[1:]:
        assert c.context == "Limits\nWhat is paid\nCity | Hotel | Meals"
        assert all(re.fullmatch(r"city\d+ \| \d+ \| \d+", line) for line in c.text.split("\n")), "rows stay whole"


def test_a_row_longer_than_a_chunk_is_split():
    table = f"Name | Remark\nx | {prose(200)}\ny | short"
    document = document_of((TABLE, table, {"n_header_rows": 1}))
    assert_sound(document, chunks_of(document), size=60)


@pytest.mark.parametrize("n_header_rows", [1, 2])
def test_a_header_longer_than_a_chunk_is_split_and_stands_shortened_over_the_rows(n_header_rows: int):
    table = "\n".join([*(f"Name | {prose(200, f'head{n}_')}" for n in range(n_header_rows)), *rows(30).split("\n")])
    document = document_of(title("Limits", 1), (TABLE, table, {"n_header_rows": n_header_rows, "caption": "What is paid"}))
    chunks = chunks_of(document)
    assert_sound(document, chunks, size=60)
    of_rows = [c for c in chunks if c.text.startswith("city")]
    assert len(of_rows) >= 3
    for c in of_rows:
        path, caption, header = c.context.split("\n")
        assert (path, caption) == ("Limits", "What is paid")
        assert header.startswith("Name | head0_0")
        assert header.endswith("…")
        assert all(re.fullmatch(r"city\d+ \| \d+ \| \d+", line) for line in c.text.split("\n")), "rows stay whole"


@pytest.mark.parametrize("n_header_rows", [3, 40, 99])
def test_a_table_that_says_it_is_all_header_is_cut_like_others(n_header_rows: int):
    document = document_of((TABLE, rows(40), {"n_header_rows": n_header_rows}))
    chunks = chunks_of(document)
    assert_sound(document, chunks, size=60)
    assert len(chunks) > 2


def test_a_remark_under_a_table_does_not_stand_alone():
    document = document_of(title("Limits", 1), text(prose(50)), (TABLE, f"City | Hotel\n{rows(3)}", {"n_header_rows": 1}), text("All net."))
    assert chunks_of(document)[-1].text.endswith("All net.")


def test_a_long_heading_is_shortened_visibly_from_its_front():
    document = document_of(title(prose(40, "long"), 1), title("Limits of pay", 2), text(prose(100)))
    chunks = chunks_of(document)
    assert_sound(document, chunks, size=60)
    assert all(c.context.startswith("…") for c in chunks)
    assert all(heading_of(c.context).endswith("> Limits of pay") for c in chunks)


@pytest.mark.parametrize("content", ["x" * 5_000, "ü" * 3_000, "👩‍👩‍👧" * 500, "漢字" * 900, "word" + "\u3000" * 3_000 + "word"])
def test_text_without_spaces_is_bounded(content: str):
    document = document_of(title("A", 1), text(content))
    chunks = chunks_of(document)
    assert_sound(document, chunks, size=60)
    assert max(len(c.text) for c in chunks) <= 16 * 60


def test_overlap_repeats_whole_sentences_within_its_bound():
    document = document_of(title("Guide", 1), text(prose(300)))
    chunks = chunks_of(document, overlap=25)
    assert_sound(document, chunks, size=60, overlap=25)
    shared = [before.end - after.start for before, after in pairwise(chunks)]
    assert all(n > 0 for n in shared)
    for before, after in pairwise(chunks):
        repeated = document.text[after.start : before.end]
        assert len(word_spans(repeated)) <= 25
        assert repeated.endswith(".")


def test_repeated_sentences_get_their_own_offsets():
    document = document_of(text(" ".join(["The same sentence again and again."] * 60)))
    chunks = chunks_of(document)
    assert_sound(document, chunks, size=60)
    assert len({c.start for c in chunks}) == len(chunks)


def test_page_is_that_of_the_beginning():
    document = document_of(text(prose(50, "a"), page=1), text(prose(50, "b"), page=2), text(prose(50, "c"), page=4))
    assert [c.page for c in chunks_of(document)] == [1, 2, 4]


def test_ids_are_the_same_again_and_other_in_another_version():
    document = document_of(text(prose(200)))
    recipe = ChunkingRecipe(kind="auto", max_tokens=60, overlap_tokens=0)
    first, again, other = (
        [c.id for c in chunk(document, recipe=recipe, token_spans=word_spans, window_tokens=60, version_id=version)]
        for version in ("ver_1", "ver_1", "ver_2")
    )
    assert first == again
    assert not set(first) & set(other)


def test_auto_fits_the_window_and_static_is_embedded_in_windows():
    document = document_of(title("Guide", 1), text(prose(500)))
    assert_sound(document, chunks_of(document, size=200, window=60), size=60)
    large = chunks_of(document, size=200, kind="static", window=60)
    assert_sound(document, large, size=200)
    assert max(c.n_tokens for c in large) > 150
    for c in large:
        parts = windows(c, token_spans=word_spans, window_tokens=60)
        assert all(len(word_spans(part)) <= 60 for part in parts)
        assert all(part.startswith("Guide\n") for part in parts)
        assert "".join(part.removeprefix("Guide\n") for part in parts).split() == c.text.split() or len(parts) > 1
        joined = " ".join(part.removeprefix("Guide\n") for part in parts)
        assert joined.split() == c.text.split()


def test_a_chunk_that_fits_has_one_window():
    (only,) = chunks_of(document_of(title("A", 1), text("Short.")))
    assert windows(only, token_spans=word_spans, window_tokens=60) == ["A\nA\n\nShort."]


def test_running_lines_and_page_breaks_are_in_no_chunk():
    document = document_of((ElementKind.HEADER, "ACME", {}), text("Body text."), (ElementKind.FOOTER, "Page 1", {}))
    assert [c.text for c in chunks_of(document)] == ["Body text."]


def test_sentences_are_the_text_and_abbreviations_end_none():
    content = "Dr. Miller, e.g. in Fig. 3, said so. He left.  Then… what? 第一。第二。\nNew line"
    assert "".join(sentences(content)) == content
    assert [part.strip() for part in sentences(content)] == [
        "Dr. Miller, e.g. in Fig. 3, said so.", "He left.", "Then… what?", "第一。", "第二。", "New line",
    ]  # fmt: skip


ANY_TEXT = st.text(
    alphabet=st.one_of(st.sampled_from(list("ab .!?,;\n\t\u00a0\u3000\u2028\x0b|")), st.sampled_from("é漢👩\u200d🏽ﷺ…"), st.characters()),
    max_size=300,
)


@settings(max_examples=150, deadline=None)
@given(content=ANY_TEXT, repeat=st.integers(1, 6), budget=st.integers(5, 40), spans=st.sampled_from([word_spans, byte_spans]))
def test_split_spans_cover_all_but_whitespace_in_order(content: str, repeat: int, budget: int, spans):
    content = content * repeat
    tokens = Tokens(spans)
    found = split_spans(content, budget=budget, tokens=tokens)
    assert all(0 <= start < end <= len(content) for start, end in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    assert "".join("".join(content[start:end].split()) for start, end in found) == "".join(content.split())
    assert all(tokens.cost(content[start:end]) <= budget for start, end in found)


PIECE = st.one_of(
    st.tuples(st.just(TITLE), ANY_TEXT, st.fixed_dictionaries({"level": st.integers(1, 4)})),
    st.tuples(st.just(TEXT), st.builds(lambda t, n: t * n, ANY_TEXT, st.integers(1, 4)), st.just({})),
    st.tuples(st.just(TABLE), ANY_TEXT, st.fixed_dictionaries({"n_header_rows": st.integers(0, 1), "caption": st.none() | ANY_TEXT})),
)


@settings(max_examples=150, deadline=None)
@given(
    pieces=st.lists(PIECE, min_size=1, max_size=8),
    size=st.integers(32, 90),
    overlap=st.integers(0, 20),
    spans=st.sampled_from([word_spans, byte_spans]),
)
def test_chunks_of_any_document_are_sound(pieces, size: int, overlap: int, spans):
    document = document_of(*pieces)
    recipe = ChunkingRecipe(kind="auto", max_tokens=size, overlap_tokens=overlap)
    chunks = chunk(document, recipe=recipe, token_spans=spans, window_tokens=size, version_id="ver_1")
    assert_sound(document, chunks, size=size, overlap=overlap, spans=spans)


def test_a_chunk_knows_where_its_later_pages_begin():
    document = document_of(text("First page.", page=1), text("Second page.", page=2), text("Still second.", page=2), text("Third.", page=3))
    (only,) = chunks_of(document)
    assert only.page == 1
    assert [(document.text[offset:].split(".")[0], page) for offset, page in only.page_starts] == [("Second page", 2), ("Third", 3)]
    assert page_at(only.page_starts, document.text.index("Still"), default=only.page) == 2
    assert page_at(only.page_starts, document.text.index("page."), default=only.page) == 1
