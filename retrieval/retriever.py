"""footnote's search as a llama-index retriever, so that its postprocessors and query engines work on it.

The only module of this room that imports llama_index, which takes seconds: import it where it is needed, not at the top.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from footnote.core.errors import InvalidInput
from footnote.core.types import Access, Filter, Hit
from retrieval.search import Searcher

_FOR_PROGRAMS = ("file_id", "collection_id", "version_id", "start", "end", "similarity")
"""Metadata that no prompt needs."""


class FootnoteRetriever(BaseRetriever):
    """Retrieves what one caller may see.

    Search runs on an event loop, where its parts were opened. ``aretrieve`` is awaited there. ``retrieve`` is for other threads, such as
    a query engine run by ``asyncio.to_thread``: it hands the work to that loop and waits.

    Args:
        searcher: the search.
        access: who asks, and where they may look: a retriever belongs to one caller.
        limit: nodes wanted.
        filter: conditions on attributes, or None.
        loop: the loop that the searcher's parts live on; by default the one that runs now. Without any, ``retrieve`` cannot be used.
    """

    def __init__(
        self,
        searcher: Searcher,
        *,
        access: Access,
        limit: int,
        filter: Filter | None = None,  # noqa: A002 - the word of the API and of the index port
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__()
        self._searcher = searcher
        self._access = access
        self._limit = limit
        self._filter = filter
        self._loop = loop or _running_loop()

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = await self._searcher.search(query_bundle.query_str, self._access, limit=self._limit, filter=self._filter)
        return nodes_of(found.hits)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        if self._loop is None or _running_loop() is self._loop:
            raise InvalidInput(
                "This retriever cannot wait for its own event loop.", hint="Await aretrieve, or call retrieve from another thread."
            )
        return asyncio.run_coroutine_threadsafe(self._aretrieve(query_bundle), self._loop).result()


def nodes_of(hits: Sequence[Hit]) -> list[NodeWithScore]:
    """Return hits as nodes, in their order. A node's id is its chunk's, its score the hit's."""
    return [NodeWithScore(node=_node(hit), score=hit.score) for hit in hits]


def hits_of(nodes: Sequence[NodeWithScore], *, hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """Return the hits that nodes stand for, in the order of the nodes, with their scores.

    A citation needs the document's own words and offsets, so the hit's chunk counts whatever became of the node's text, and a node that
    is none of the ``hits`` is left out.
    """
    by_id = {hit.chunk.id: hit for hit in hits}
    known = ((by_id[scored.node.node_id], scored.score) for scored in nodes if scored.node.node_id in by_id)
    return tuple(hit if score is None else replace(hit, score=score) for hit, score in known)


class Postprocessing:
    """Postprocessors of llama-index as a ``Rerank``, applied one after the other."""

    def __init__(self, postprocessors: Sequence[BaseNodePostprocessor]) -> None:
        self._postprocessors = tuple(postprocessors)

    async def __call__(self, query: str, hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
        nodes = nodes_of(hits)
        for postprocessor in self._postprocessors:
            nodes = await postprocessor.apostprocess_nodes(nodes, query_str=query)
        return hits_of(nodes, hits=hits)


def _node(hit: Hit) -> TextNode:
    chunk = hit.chunk
    return TextNode(
        id_=chunk.id,
        text=chunk.text,
        start_char_idx=chunk.start,
        end_char_idx=chunk.end,
        metadata={
            "filename": chunk.filename,
            "page": chunk.page,
            "context": chunk.context,
            "file_id": chunk.file_id,
            "collection_id": chunk.collection_id,
            "version_id": chunk.version_id,
            "start": chunk.start,
            "end": chunk.end,
            "similarity": hit.similarity,
        },
        excluded_llm_metadata_keys=list(_FOR_PROGRAMS),
        excluded_embed_metadata_keys=["filename", "page", *_FOR_PROGRAMS],
    )


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
