from hypothesis import given

from retrieval.neighbours import MAX_GAP_CHARS, gaps_to_read, join_neighbours
from tests.retrieval.documents import cut, found, hit, stored_chunk, texts_of


def test_hits_that_follow_each_other_become_one_run_with_what_stands_between_them():
    document = cut("ver_1", [("", "First part.", ""), ("\n\n# Pumps\n", "Second part.", ""), (" ", "Third part.", "")])
    second, first = hit(document.chunks[1], score=0.9), hit(document.chunks[0], score=0.8)
    (run,) = join_neighbours([second, first], gap_texts=texts_of([document], gaps_to_read([second, first])))
    assert run.text == "First part.\n\n# Pumps\nSecond part."
    assert run.hits == (first, second)


def test_run_stands_where_its_best_hit_stood():
    document = cut("ver_1", [("", "One.", ""), (" ", "Two.", "")])
    other = hit(stored_chunk("Elsewhere.", version_id="ver_2"))
    hits = [hit(document.chunks[1]), other, hit(document.chunks[0])]
    runs = join_neighbours(hits, gap_texts=texts_of([document], gaps_to_read(hits)))
    assert [run.text for run in runs] == ["One. Two.", "Elsewhere."]


def test_overlapping_neighbours_are_joined_without_repeating_what_they_share():
    text = "Close the valve before the pump is opened."
    one = hit(stored_chunk(text[:25], ordinal=0))
    two = hit(stored_chunk(text[16:], ordinal=1, start=16))
    assert gaps_to_read([one, two]) == ()
    (run,) = join_neighbours([one, two], gap_texts={})
    assert run.text == text


def test_hits_stay_apart_where_a_chunk_is_missing_between_them_or_much_text_was_left_out():
    document = cut("ver_1", [("", "One.", ""), (" ", "Two.", ""), (" ", "Three.", ""), ("x" * (MAX_GAP_CHARS + 1), "Four.", "")])
    hits = [hit(document.chunks[0]), hit(document.chunks[2]), hit(document.chunks[3])]
    assert gaps_to_read(hits) == ()
    assert len(join_neighbours(hits, gap_texts={})) == 3


def test_hits_stay_apart_where_the_text_between_them_could_not_be_read():
    document = cut("ver_1", [("", "One.", ""), (" ", "Two.", "")])
    assert len(join_neighbours([hit(chunk) for chunk in document.chunks], gap_texts={})) == 2


@given(found())
def test_runs_are_exact_spans_and_hold_each_hit_once(documents_and_hits):
    documents, hits = documents_and_hits
    runs = join_neighbours(hits, gap_texts=texts_of(documents, gaps_to_read(hits)))
    text_of = {document.version_id: document.text for document in documents}
    assert all(text_of[run.hits[0].chunk.version_id][run.start : run.end] == run.text for run in runs)
    assert sorted(hit.chunk.id for run in runs for hit in run.hits) == sorted(hit.chunk.id for hit in hits)
    best = [min(hits.index(hit) for hit in run.hits) for run in runs]
    assert best == sorted(best)
