from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from retrieval.neighbours import gaps_to_read
from retrieval.packing import MIN_PIECE_TOKENS, pack
from tests.retrieval.documents import cut, found, hit, hits_on, n_tokens, stored_chunk, texts_of, token_spans

SENTENCE = "The pump is opened slowly and only after the valve was closed. "
N = n_tokens(SENTENCE)


def packed(hits, *, budget_tokens, gap_texts=None):
    return pack(hits, budget_tokens=budget_tokens, token_spans=token_spans, gap_texts=gap_texts)


def test_best_hits_are_taken_and_numbered_from_one():
    passages = packed(hits_on("one two three", "four five", "six"), budget_tokens=5)
    assert [(passage.n, passage.text) for passage in passages] == [(1, "one two three"), (2, "four five")]


def test_smaller_hit_gets_the_room_that_a_larger_one_could_not_use():
    passages = packed(hits_on("one two three", "four five six seven", "eight"), budget_tokens=4)
    assert [passage.text for passage in passages] == ["one two three", "eight"]


def test_hit_that_is_too_large_ends_after_a_sentence():
    long = hit(stored_chunk(SENTENCE * 8, context="Manual › Pumps", start=100))
    (passage,) = packed([long], budget_tokens=5 * N + 6)
    assert passage.text == (SENTENCE * 5).rstrip()
    assert (passage.start, passage.end) == (100, 100 + len(passage.text))


def test_sentence_that_lacks_one_token_of_room_is_left_out():
    (passage,) = packed(hits_on(SENTENCE * 8), budget_tokens=6 * N - 1)
    assert passage.text == (SENTENCE * 5).rstrip()
    (passage,) = packed(hits_on(SENTENCE * 8), budget_tokens=6 * N)
    assert passage.text == (SENTENCE * 6).rstrip()


def test_hit_that_is_one_long_sentence_ends_after_a_word():
    (passage,) = packed(hits_on("word " * 200), budget_tokens=50)
    assert passage.text == ("word " * 50).rstrip()


def test_no_crumbs():
    first = "one two three"
    assert len(packed(hits_on(first, SENTENCE * 8), budget_tokens=3 + MIN_PIECE_TOKENS - 1)) == 1
    assert len(packed(hits_on(first, SENTENCE * 8), budget_tokens=3 + MIN_PIECE_TOKENS)) == 2


def test_gap_between_neighbours_is_paid_for():
    document = cut("ver_1", [("", "one two", ""), ("\n# Some heading\n", "three four", "")])
    hits = [hit(chunk) for chunk in document.chunks]
    gap_texts = texts_of([document], gaps_to_read(hits))
    assert [passage.text for passage in packed(hits, budget_tokens=7, gap_texts=gap_texts)] == [document.text]
    assert [passage.text for passage in packed(hits, budget_tokens=6, gap_texts=gap_texts)] == ["one two"]


def test_gap_that_was_paid_for_is_missing_for_the_next_hit():
    document = cut("ver_1", [("", "one two", ""), ("\n# Some heading\n", "three four", "")])
    hits = [*(hit(chunk) for chunk in document.chunks), hit(stored_chunk("five", version_id="ver_2"), score=0.1)]
    gap_texts = texts_of([document], gaps_to_read(hits))
    assert len(packed(hits, budget_tokens=8, gap_texts=gap_texts)) == 2
    assert len(packed(hits, budget_tokens=7, gap_texts=gap_texts)) == 1


def test_without_gap_texts_neighbours_stay_apart_even_where_they_touch():
    document = cut("ver_1", [("", "one. ", ""), ("", "two.", "")])
    assert len(packed([hit(chunk) for chunk in document.chunks], budget_tokens=50)) == 2


def test_joined_passage_has_the_best_score_the_first_page_and_all_chunks():
    document = cut("ver_1", [("", "one.", "Manual"), (" ", "two.", "Manual › Pumps\nTable 3")])
    hits = [hit(document.chunks[1], score=0.9, similarity=0.4), hit(document.chunks[0], score=0.8, similarity=0.6)]
    (passage,) = packed(hits, budget_tokens=50, gap_texts=texts_of([document], gaps_to_read(hits)))
    assert (passage.score, passage.similarity) == (0.9, 0.6)
    assert passage.chunk_ids == ("chunk_ver_1_0", "chunk_ver_1_1")
    assert (passage.context, passage.heading, passage.page) == ("Manual", "Manual", 1)


def test_passage_of_overlapping_chunks_knows_the_page_of_each_place():
    text = "Page one ends here. Page two begins."
    one = replace(stored_chunk(text[:24], ordinal=0, page=1), page_starts=((20, 2),))
    two = stored_chunk(text[14:], ordinal=1, start=14, page=1)
    (passage,) = packed([hit(one), hit(two)], budget_tokens=50, gap_texts={})
    assert [passage.page_of(offset) for offset in (0, 19, 20, 30)] == [1, 1, 2, 2]


def test_heading_is_the_first_line_of_the_context():
    (passage,) = packed([hit(stored_chunk("1 | 2", context="Prices › Pumps\nTable 3\nA | B"))], budget_tokens=50)
    assert passage.heading == "Prices › Pumps"


@given(found(), st.integers(0, 200), st.booleans())
def test_budget_holds_spans_are_exact_and_nothing_stands_twice(documents_and_hits, budget_tokens, joins):
    documents, hits = documents_and_hits
    gap_texts = texts_of(documents, gaps_to_read(hits)) if joins else None
    passages = packed(hits, budget_tokens=budget_tokens, gap_texts=gap_texts)

    assert sum(n_tokens(passage.context) + n_tokens(passage.text) for passage in passages) <= budget_tokens
    text_of = {document.version_id: document.text for document in documents}
    for passage in passages:
        assert 0 <= passage.start < passage.end <= len(text_of[passage.version_id])
        assert text_of[passage.version_id][passage.start : passage.end] == passage.text
    spans = sorted((passage.version_id, passage.start, passage.end) for passage in passages)
    assert all(one[0] != two[0] or one[2] <= two[1] for one, two in pairwise(spans))
    ids = [chunk_id for passage in passages for chunk_id in passage.chunk_ids]
    assert len(ids) == len(set(ids))
    assert [passage.n for passage in passages] == list(range(1, len(passages) + 1))
    assert [passage.score for passage in passages] == sorted((passage.score for passage in passages), reverse=True)
    assert packed(hits, budget_tokens=budget_tokens, gap_texts=gap_texts) == passages
    if hits and hits[0].chunk.n_tokens <= budget_tokens:
        assert hits[0].chunk.id in passages[0].chunk_ids


@given(found())
def test_everything_gets_in_where_there_is_room(documents_and_hits):
    documents, hits = documents_and_hits
    passages = packed(hits, budget_tokens=10_000, gap_texts=texts_of(documents, gaps_to_read(hits)))
    assert {chunk_id for passage in passages for chunk_id in passage.chunk_ids} == {hit.chunk.id for hit in hits}
