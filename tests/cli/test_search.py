from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import Collection, SearchHit
from footnote.cli.search import search

FOUND = {"a": [("a1", 0.3), ("a2", 0.6)], "b": [("b1", 0.5)], "empty": []}


class TwoCollections(ApiClient):
    """Answers as a server does: each collection's hits in an order that is not that of their cosines."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1", token=None)

    def collections(self) -> list[Collection]:
        return [Collection(id=name, name=name) for name in FOUND]

    def search(self, collection_id: str, query: str, *, limit: int) -> list[SearchHit]:
        hits = [SearchHit(file_id=name, filename=name, similarity=cosine, content=[]) for name, cosine in FOUND[collection_id]]
        return hits[:limit]


def found(collection: str | None, *, limit: int = 10) -> list[tuple[int, str, float]]:
    with TwoCollections() as client:
        return [(hit.n, hit.file_id, hit.score) for hit in search(client, "q", collection=collection, limit=limit).hits]


def test_one_collection_keeps_its_own_order():
    assert found("a") == [(1, "a1", 0.3), (2, "a2", 0.6)]


def test_hits_of_several_collections_are_ordered_by_what_can_be_compared():
    assert found(None) == [(1, "a2", 0.6), (2, "b1", 0.5), (3, "a1", 0.3)]
    assert found(None, limit=1) == [(1, "b1", 0.5)]
