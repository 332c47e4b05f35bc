"""What an index has to be able to do, tried on one that runs: the heart of the contract tests, for the operator's own server.

The contract tests are many more; this is what can be asked of a server within a second, in an index that holds nothing else.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from footnote.core.errors import FootnoteError
from footnote.core.ids import point_id
from footnote.core.types import Access, Comparison, EmbeddingRecipe
from retrieval.index.port import Index, IndexQuery, Point

DIMENSION = 4
COLLECTION = "vs_contract"
READERS = frozenset({"readers"})


@dataclass(frozen=True, slots=True)
class ContractResult:
    """One operation, and why it failed; None where it did what is expected."""

    operation: str
    failure: str | None


def contract_recipe(name: str) -> EmbeddingRecipe:
    """Return a recipe that no embedder has, so that the check meets nobody's points.

    Args:
        name: what tells this check from others that run at the same time.
    """
    return EmbeddingRecipe(model=f"contract-check-{name}", revision="", dimension=DIMENSION, max_tokens=1)


async def check_contract(index: Index) -> list[ContractResult]:
    """Try the operations in order, in an open index that is empty; the first that fails ends the check."""
    steps: tuple[tuple[str, Callable[[Index], Awaitable[str | None]]], ...] = (
        ("write and count", _write),
        ("dense search", _search_dense),
        ("BM25 search", _search_words),
        ("hybrid search", _search_hybrid),
        ("access filter", _access_filter),
        ("attribute filter", _attribute_filter),
        ("versions left out", _excluded_versions),
        ("payload update", _update_payload),
        ("deletion", _delete),
    )
    results: list[ContractResult] = []
    for operation, step in steps:
        try:
            failure = await step(index)
        except FootnoteError as error:
            failure = str(error)
        results.append(ContractResult(operation, failure))
        if failure is not None:
            break
    return results


async def _write(index: Index) -> str | None:
    points = [_point(n, word) for n, word in enumerate(("invoice", "warranty", "holiday"))]
    await index.upsert(points)
    await index.upsert(points)
    return _expected(await index.count(), 3, "points after writing three of them twice")


async def _search_dense(index: Index) -> str | None:
    return _expected(await _found(index, IndexQuery(dense=_axis(1), text=None, limit=1)), ["chunk_1"], "the nearest chunk")


async def _search_words(index: Index) -> str | None:
    return _expected(await _found(index, IndexQuery(dense=None, text="holiday", limit=3)), ["chunk_2"], "the chunk with the word")


async def _search_hybrid(index: Index) -> str | None:
    found = await _found(index, IndexQuery(dense=_axis(0), text="invoice", limit=1))
    return _expected(found, ["chunk_0"], "the chunk that both lists put first")


async def _access_filter(index: Index) -> str | None:
    stranger = Access(collection_ids=frozenset({COLLECTION}), principals=frozenset({"strangers"}))
    return _expected(await _found(index, _everything(), stranger), [], "what a stranger finds")


async def _attribute_filter(index: Index) -> str | None:
    query = IndexQuery(dense=_axis(0), text=None, limit=3, filter=Comparison("gte", "number", 2))
    return _expected(await _found(index, query), ["chunk_2"], "the chunk whose attribute fits")


async def _excluded_versions(index: Index) -> str | None:
    query = IndexQuery(dense=_axis(0), text=None, limit=3, excluded_versions=frozenset({"ver_0", "ver_1"}))
    return _expected(await _found(index, query), ["chunk_2"], "the chunk of the version that is not left out")


async def _update_payload(index: Index) -> str | None:
    await index.update_payload("att_0", principals=frozenset({"strangers"}), attributes={})
    return _expected(
        sorted(await _found(index, _everything())), ["chunk_1", "chunk_2"], "what is left to readers after one chunk was taken away"
    )


async def _delete(index: Index) -> str | None:
    await index.delete_versions(["ver_1"])
    await index.delete_collection(COLLECTION)
    return _expected(await index.count(), 0, "points after all were deleted")


async def _found(index: Index, query: IndexQuery, access: Access | None = None) -> list[str]:
    readers = Access(collection_ids=frozenset({COLLECTION}), principals=READERS)
    return [hit.chunk_id for hit in (await index.search(query, access or readers)).hits]


def _everything() -> IndexQuery:
    return IndexQuery(dense=_axis(0), text=None, limit=3)


def _expected(found: int | Sequence[str], expected: int | Sequence[str], what: str) -> str | None:
    return None if found == expected else f"Expected {expected} as {what}, and got {found}."


def _point(n: int, word: str) -> Point:
    return Point(
        id=point_id(version_id=f"ver_{n}", chunk_id=f"chunk_{n}", window=0),
        collection_id=COLLECTION,
        attachment_id=f"att_{n}",
        version_id=f"ver_{n}",
        chunk_id=f"chunk_{n}",
        window=0,
        page=None,
        principals=READERS,
        attributes={"number": n},
        dense=_axis(n),
        text=word,
    )


def _axis(n: int) -> NDArray[np.float32]:
    return np.eye(DIMENSION, dtype=np.float32)[n]
