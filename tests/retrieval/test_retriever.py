import asyncio
import subprocess
import sys

import pytest
from llama_index.core.llms import MockLLM
from llama_index.core.postprocessor import LongContextReorder, SimilarityPostprocessor
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import MetadataMode, NodeWithScore, TextNode

from footnote.core.errors import InvalidInput
from retrieval.retriever import FootnoteRetriever, Postprocessing, hits_of, nodes_of
from tests.retrieval.library import ANYBODY, Library, embedder, library  # noqa: F401 - fixtures

QUESTION = "How many days of unused leave may be carried over?"
LEAVE = "Up to five days of unused leave may be carried over until the end of March."


@pytest.fixture
async def handbook(library: Library) -> Library:  # noqa: F811 - the fixture
    await library.publish("leave.md", "Leave is asked for in writing.", LEAVE, context="Leave")
    await library.publish("travel.md", "Trains are booked in second class.")
    return library


async def test_nodes_carry_what_a_citation_needs(handbook):
    nodes = await FootnoteRetriever(handbook.searcher(), access=ANYBODY, limit=2).aretrieve(QUESTION)
    best = nodes[0]
    text = await handbook.catalog.versions.text_of(best.node.metadata["version_id"])
    assert text[best.node.start_char_idx : best.node.end_char_idx] == best.node.text == LEAVE
    assert (best.node.metadata["filename"], best.node.metadata["page"]) == ("leave.md", 2)
    assert 0 < best.score <= 1
    assert "version_id" not in best.node.get_content(MetadataMode.LLM)
    assert len(nodes) == 2


async def test_postprocessor_of_llama_index_filters_nodes(handbook):
    nodes = await FootnoteRetriever(handbook.searcher(), access=ANYBODY, limit=3).aretrieve(QUESTION)
    cutoff = (nodes[0].score + nodes[1].score) / 2
    assert SimilarityPostprocessor(similarity_cutoff=cutoff).postprocess_nodes(nodes) == nodes[:1]


async def test_query_engine_of_llama_index_answers_from_it(handbook):
    retriever = FootnoteRetriever(handbook.searcher(), access=ANYBODY, limit=2)
    engine = RetrieverQueryEngine.from_args(retriever, llm=MockLLM())  # the mock repeats its prompt
    for response in (await engine.aquery(QUESTION), await asyncio.to_thread(engine.query, QUESTION)):
        assert LEAVE in str(response)
        assert QUESTION in str(response)
        assert [source.node.metadata["filename"] for source in response.source_nodes][:1] == ["leave.md"]


async def test_waiting_on_the_own_loop_is_refused_instead_of_hanging(handbook):
    with pytest.raises(InvalidInput, match="event loop"):
        FootnoteRetriever(handbook.searcher(), access=ANYBODY, limit=1).retrieve(QUESTION)


async def test_postprocessing_reorders_hits_for_passages(handbook):
    hits = (await handbook.searcher().search(QUESTION, ANYBODY, limit=3)).hits
    reordered = await Postprocessing([LongContextReorder()])(QUESTION, hits)
    assert reordered != hits
    assert {hit.chunk.id for hit in reordered} == {hit.chunk.id for hit in hits}
    retrieved = await handbook.finder(rerank=Postprocessing([SimilarityPostprocessor(similarity_cutoff=hits[0].score)])).retrieve(
        QUESTION, ANYBODY
    )
    assert [passage.text for passage in retrieved.passages] == [LEAVE]


async def test_hits_come_back_from_nodes_in_their_order_with_their_scores(handbook):
    hits = (await handbook.searcher().search(QUESTION, ANYBODY, limit=2)).hits
    assert hits_of(nodes_of(hits), hits=hits) == hits
    first, second = nodes_of(hits)
    first.score, second.score = 0.1, None
    second.node.set_content("rewritten by somebody")
    back = hits_of([second, NodeWithScore(node=TextNode(id_="new", text="new"), score=1.0), first], hits=hits)
    assert [(hit.chunk, hit.score) for hit in back] == [(hits[1].chunk, hits[1].score), (hits[0].chunk, 0.1)]


def test_serving_a_search_does_not_import_llama_index():
    code = "import sys, retrieval.passages, retrieval.search; sys.exit(any(name.startswith('llama_index') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
