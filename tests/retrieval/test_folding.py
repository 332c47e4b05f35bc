from hypothesis import given
from hypothesis import strategies as st

from retrieval.folding import fold_windows
from retrieval.index.hits import ordered
from retrieval.index.port import HybridHits, PointHit


def points(*scored: tuple[str, float, float]) -> HybridHits:
    """From (chunk, score, similarity)."""
    hits = [
        PointHit(point_id=f"{n:03}", collection_id="vs", attachment_id="att", version_id="ver", chunk_id=chunk, window=n, score=score)
        for n, (chunk, score, _) in enumerate(scored)
    ]
    return ordered(hits, similarities={f"{n:03}": similarity for n, (_, _, similarity) in enumerate(scored)})


def folded(found: HybridHits) -> list[tuple[str, float, float]]:
    return [(hit.chunk_id, hit.score, hit.similarity) for hit in fold_windows(found, shown_score=lambda score, _: score)]


def test_chunk_is_found_by_its_best_window_and_is_as_similar_as_its_most_similar_one():
    assert folded(points(("a", 0.9, 0.2), ("b", 0.8, 0.7), ("a", 0.5, 0.6))) == [("a", 0.9, 0.6), ("b", 0.8, 0.7)]


def test_ties_go_by_chunk_id():
    assert [chunk for chunk, _, _ in folded(points(("b", 0.5, 0), ("a", 0.5, 0), ("c", 0.5, 0)))] == ["a", "b", "c"]


def test_rank_counts_chunks_not_points():
    found = points(("a", 0.9, 0), ("a", 0.8, 0), ("b", 0.7, 0))
    assert [hit.score for hit in fold_windows(found, shown_score=lambda _, rank: float(rank))] == [0, 1]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 1), st.floats(-1, 1)), max_size=30))
def test_each_chunk_stands_once_best_first(scored):
    chunks = folded(points(*scored))
    assert sorted(chunk for chunk, _, _ in chunks) == sorted({chunk for chunk, _, _ in scored})
    assert chunks == sorted(chunks, key=lambda item: (-item[1], item[0]))
