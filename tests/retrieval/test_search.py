import math
from dataclasses import replace

import pytest

from footnote.core.catalog.collections import DEFAULT_COLLECTION
from footnote.core.catalog.paging import Paging
from footnote.core.errors import InvalidInput
from footnote.core.types import EVERYONE, Access, Comparison
from retrieval.index.port import HybridHits, IndexQuery
from retrieval.scores import SearchMode
from tests.retrieval.library import ANYBODY, OWNER, Library, embedder, library  # noqa: F401 - fixtures

PUMP = "Before the dosing pump is opened, close the suction valve and let the pressure out."
LEAVE = "Up to five days of unused leave may be carried over until the end of March."
TRAVEL = "Trains are booked in second class; flights need the consent of the head of department."


@pytest.fixture
async def handbook(library: Library) -> Library:  # noqa: F811 - the fixture
    await library.publish("manual.md", PUMP, attributes={"kind": "manual", "year": 2024})
    await library.publish("leave.md", LEAVE, attributes={"kind": "policy", "year": 2025})
    await library.publish("travel.md", TRAVEL, attributes={"kind": "policy", "year": 2023})
    return library


@pytest.mark.parametrize("mode", SearchMode)
@pytest.mark.parametrize(
    ("query", "filename"), [("How do I open the pump safely?", "manual.md"), ("carrying over unused leave", "leave.md")]
)
async def test_best_hit_answers_the_question_in_each_mode(handbook, mode, query, filename):
    found = await handbook.searcher().search(query, ANYBODY, limit=3, mode=mode)
    assert found.hits[0].chunk.filename == filename
    assert all(0 <= hit.score <= 1 for hit in found.hits)
    assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)


async def test_hit_that_leads_both_lists_has_score_one_and_the_cosine_as_similarity(handbook):
    found = await handbook.searcher().search(LEAVE, ANYBODY, limit=3)
    assert found.hits[0].score == pytest.approx(1, abs=1e-6)
    assert found.hits[0].similarity == pytest.approx(1, abs=1e-3)
    (vector,) = await handbook.embedder.embed_queries([LEAVE])
    (other,) = await handbook.embedder.embed_documents([found.hits[1].chunk.text])
    assert found.hits[1].similarity == pytest.approx(float(vector @ other), abs=1e-3)


async def test_limit_and_filter_hold(handbook):
    searcher = handbook.searcher()
    assert len((await searcher.search("leave", ANYBODY, limit=1)).hits) == 1
    policies = await searcher.search("pump", ANYBODY, limit=5, filter=Comparison(operator="eq", key="kind", value="policy"))
    assert {hit.chunk.filename for hit in policies.hits} == {"leave.md", "travel.md"}


async def test_nobody_and_nowhere_find_nothing(handbook):
    for access in (Access(frozenset(), frozenset({EVERYONE})), Access(frozenset({DEFAULT_COLLECTION}), frozenset())):
        assert (await handbook.searcher().search("pump", access, limit=5)).hits == ()


async def test_what_the_caller_may_not_read_is_not_found(handbook):
    await handbook.publish("salaries.md", "The salary of the head of department is a secret.", principals=("board",))
    board = replace(ANYBODY, principals=frozenset({"board"}))
    assert [hit.chunk.filename for hit in (await handbook.searcher().search("salary", board, limit=5)).hits] == ["salaries.md"]
    assert "salaries.md" not in {hit.chunk.filename for hit in (await handbook.searcher().search("salary", ANYBODY, limit=5)).hits}


async def test_version_that_is_not_published_is_not_found_and_a_replaced_one_no_longer(library):  # noqa: F811 - the fixture
    attachment = await library.attach("rates.md")
    searcher = library.searcher()

    async def found() -> list[str]:
        return [hit.chunk.text for hit in (await searcher.search("mileage rate", ANYBODY, limit=5)).hits]

    await library.replace(attachment, "The mileage rate is 30 cents.", publish=False)
    assert await found() == []
    await library.publish("other.md", "The mileage rate is 30 cents, as of 2024.")
    assert await found() == ["The mileage rate is 30 cents, as of 2024."]


async def test_chunk_in_windows_is_found_once_by_its_best_one(library):  # noqa: F811 - the fixture
    await library.publish("long.md", f"{TRAVEL} {LEAVE}", windows=2)
    assert await library.index.count(ANYBODY) == 2
    (hit,) = (await library.searcher().search("unused leave carried over", ANYBODY, limit=5)).hits
    (vector,) = await library.embedder.embed_queries(["unused leave carried over"])
    (whole,) = await library.embedder.embed_documents([hit.chunk.text])
    assert hit.similarity > float(vector @ whole)


async def test_rest_is_loaded_where_some_of_the_first_hits_were_forgotten_meanwhile(handbook):
    """Points whose chunks are gone from the catalog, as after a kill between the two, cost no hit."""
    _, version = await handbook.publish("gone.md", PUMP + " Now.")
    found = (await handbook.searcher().search(PUMP, ANYBODY, limit=5)).hits
    gone = next(hit.chunk for hit in found if hit.chunk.version_id == version)
    await handbook.catalog.attachments.detach(DEFAULT_COLLECTION, gone.file_id, caller=OWNER)
    await handbook.catalog.versions.forget([version])
    hits = (await handbook.searcher().search(PUMP, ANYBODY, limit=2)).hits
    assert len(hits) == 2
    assert "gone.md" not in {hit.chunk.filename for hit in hits}


async def test_query_longer_than_the_window_is_searched(handbook):
    found = await handbook.searcher().search("Tell me about carrying over unused leave. " * 60, ANYBODY, limit=1)
    assert found.hits[0].chunk.filename == "leave.md"


async def test_blank_query_is_refused(handbook):
    with pytest.raises(InvalidInput, match="empty"):
        await handbook.searcher().search(" \n", ANYBODY, limit=1)


async def test_bm25_alone_embeds_nothing_and_knows_no_similarity(handbook):
    found = await handbook.searcher().search("valve", ANYBODY, limit=5, mode=SearchMode.BM25)
    assert [(hit.chunk.filename, hit.similarity) for hit in found.hits] == [("manual.md", 0)]
    assert math.isclose(found.timings_ms["embed"], 0)


async def test_what_is_replaced_by_another_file_while_a_search_runs_is_found_once_in_one_of_the_two(library: Library):  # noqa: F811
    """Between the engine's answer and the catalog's the new file is shown and the old one goes: the search is done again."""
    old, _ = await library.publish("manual-1.md", PUMP), await library.publish("leave.md", LEAVE)
    old_file = (await library.catalog.attachments.list(DEFAULT_COLLECTION, caller=OWNER, paging=Paging(order="asc"))).items[0].file
    new = await library.attach("manual-2.md", replaces=old_file.id)
    (n_searches, search) = ([0], library.index.search)

    async def search_and_replace(query: IndexQuery, access: Access) -> HybridHits:
        found = await search(query, access)
        n_searches[0] += 1
        if n_searches[0] == 1:
            await library.replace(new, PUMP)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library.index, "search", search_and_replace)
        found = await library.searcher().search(PUMP, ANYBODY, limit=5)
    assert [hit.chunk.filename for hit in found.hits] == ["manual-2.md", "leave.md"]
    assert n_searches == [2]
    assert old[0] == PUMP


async def test_what_is_replaced_before_the_index_is_asked_is_not_missing_from_a_full_result(handbook: Library):
    """Old points gone, new ones hidden when the search began: the index fills the result with something worse."""
    old = await handbook.attach("rates-1.md")
    _, old_version = await handbook.replace(old, "The mileage rate is 30 cents.")
    new = await handbook.attach("rates-2.md", replaces=old.file.id)
    n_searches, search = [0], handbook.index.search
    _, new_version = await handbook.replace(new, "The mileage rate is 35 cents.", publish=False)

    async def replace_and_search(query: IndexQuery, access: Access) -> HybridHits:
        n_searches[0] += 1
        if n_searches[0] == 1:
            await handbook.show(new, new_version)
            await handbook.index.delete_versions([old_version])
        return await search(query, access)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handbook.index, "search", replace_and_search)
        found = await handbook.searcher().search("mileage rate", ANYBODY, limit=1)
    assert [hit.chunk.filename for hit in found.hits] == ["rates-2.md"]
    assert n_searches == [2]


async def test_a_new_version_of_a_file_is_not_missing_from_a_full_result(handbook: Library):
    rates = await handbook.attach("rates.md")
    _, old_version = await handbook.replace(rates, "The mileage rate is 30 cents.")
    await handbook.read_again(rates)
    _, new_version = await handbook.replace(rates, "The mileage rate is 35 cents.", publish=False)
    n_searches, search = [0], handbook.index.search

    async def replace_and_search(query: IndexQuery, access: Access) -> HybridHits:
        n_searches[0] += 1
        if n_searches[0] == 1:
            await handbook.show(rates, new_version)
            await handbook.index.delete_versions([old_version])
        return await search(query, access)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handbook.index, "search", replace_and_search)
        found = await handbook.searcher().search("mileage rate", ANYBODY, limit=1)
    assert [hit.chunk.text for hit in found.hits] == ["The mileage rate is 35 cents."]
    assert n_searches == [2]


async def test_what_comes_in_without_replacing_anything_costs_no_second_search(handbook: Library):
    rates = await handbook.attach("rates.md")
    _, version = await handbook.replace(rates, "The mileage rate is 30 cents.", publish=False)
    n_searches, search = [0], handbook.index.search

    async def publish_and_search(query: IndexQuery, access: Access) -> HybridHits:
        n_searches[0] += 1
        await handbook.show(rates, version)
        return await search(query, access)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handbook.index, "search", publish_and_search)
        await handbook.searcher().search("mileage rate", ANYBODY, limit=1)
    assert n_searches == [1]


async def test_a_filter_holds_for_attributes_that_the_index_does_not_show_yet(handbook: Library):
    """A change of attributes that was cut off before the index: what was taken out of the filter's reach is not found by it."""
    files = {
        item.file.filename: item.file.id
        for item in (await handbook.catalog.attachments.list(DEFAULT_COLLECTION, caller=OWNER, paging=Paging(limit=100))).items
    }
    await handbook.catalog.attachments.set_attributes(DEFAULT_COLLECTION, files["travel.md"], {"kind": "secret"}, caller=OWNER)
    policy = Comparison(operator="eq", key="kind", value="policy")
    found = await handbook.searcher().search(TRAVEL, ANYBODY, limit=1, filter=policy)
    assert [hit.chunk.filename for hit in found.hits] == ["leave.md"]
    unfiltered = await handbook.searcher().search(TRAVEL, ANYBODY, limit=1)
    assert [hit.chunk.filename for hit in unfiltered.hits] == ["travel.md"]
