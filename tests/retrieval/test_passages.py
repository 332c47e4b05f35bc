import pytest

from footnote.core.catalog.records import TextSpan
from retrieval.passages import N_NEAREST
from tests.retrieval.library import ANYBODY, Library, embedder, library  # noqa: F401 - fixtures

PUMP = (
    "Before the dosing pump is opened, close the suction valve.",
    "Then let the pressure out of the dosing pump through the bleed screw.",
    "Öffne die Pumpe 🙂 only when the gauge of the dosing pump shows nothing.",
)
LEAVE = "Up to five days of unused leave may be carried over until the end of March."
QUESTION = "How is the dosing pump opened?"


@pytest.fixture
async def handbook(library: Library) -> Library:  # noqa: F811 - the fixture
    await library.publish("manual.md", *PUMP, gap="\n\n## Next 🙂\n", context="Manual › Dosing pump")
    await library.publish("leave.md", LEAVE)
    return library


async def test_neighbours_are_joined_into_the_documents_own_text(handbook):
    retrieved = await handbook.finder().retrieve(QUESTION, ANYBODY)
    first = retrieved.passages[0]
    assert first.n == 1
    assert first.text == "\n\n## Next 🙂\n".join(PUMP)
    text = await handbook.catalog.versions.text_of(first.version_id)
    assert all(
        text[passage.start : passage.end] == passage.text for passage in retrieved.passages if passage.version_id == first.version_id
    )
    assert len(first.chunk_ids) == 3
    assert (first.page, first.heading) == (1, "Manual › Dosing pump")
    assert not retrieved.abstain
    assert retrieved.nearest == ()


async def test_neighbours_stay_apart_where_the_settings_say_so(handbook):
    retrieved = await handbook.finder(join_neighbours=False).retrieve(QUESTION, ANYBODY)
    assert {passage.text for passage in retrieved.passages} >= set(PUMP)


async def test_copies_are_dropped_and_other_figures_kept(library):  # noqa: F811 - the fixture
    for year, days in ((2023, 5), (2024, 5), (2025, 6)):
        await library.publish(f"leave-{year}.md", f"Up to {days} days of unused leave may be carried over into the next calendar year.")
    retrieved = await library.finder().retrieve("How many days of unused leave may be carried over?", ANYBODY)
    assert len(retrieved.passages) == 2
    assert {passage.text.split()[2] for passage in retrieved.passages} == {"5", "6"}


async def test_budget_and_limit_hold(handbook):
    count = handbook.embedder.token_spans
    for budget in (20, 40, 80):
        passages = (await handbook.finder().retrieve(QUESTION, ANYBODY, budget_tokens=budget)).passages
        assert 0 < sum(len(count(passage.context)) + len(count(passage.text)) for passage in passages) <= budget
    assert len((await handbook.finder().retrieve(QUESTION, ANYBODY, limit=1)).hits) == 1


async def test_abstains_where_nothing_speaks_of_the_question_and_shows_what_came_nearest(handbook):
    retrieved = await handbook.finder().retrieve("Who won the chess championship of 1972?", ANYBODY)
    assert retrieved.abstain
    assert retrieved.passages == ()
    assert 0 < len(retrieved.nearest) <= N_NEAREST
    assert [passage.n for passage in retrieved.nearest] == list(range(1, len(retrieved.nearest) + 1))


async def test_abstains_on_an_empty_collection(library):  # noqa: F811 - the fixture
    retrieved = await library.finder().retrieve(QUESTION, ANYBODY)
    assert retrieved.abstain
    assert (retrieved.hits, retrieved.nearest) == ((), ())


async def test_rerank_puts_hits_into_its_order(handbook):
    async def leave_first(_query, hits):
        return tuple(sorted(hits, key=lambda hit: hit.chunk.filename != "leave.md"))

    retrieved = await handbook.finder(rerank=leave_first).retrieve(QUESTION, ANYBODY)
    assert retrieved.passages[0].filename == "leave.md"
    assert set(retrieved.timings_ms) == {"embed", "search", "load", "rerank", "pack"}


async def test_spans_are_read_by_code_points_in_one_query(handbook):
    retrieved = await handbook.finder().retrieve(QUESTION, ANYBODY)
    version = retrieved.passages[0].version_id
    text = await handbook.catalog.versions.text_of(version)
    spans = [TextSpan(version, start, end) for start, end in ((0, 6), (text.index("🙂"), len(text)), (len(text) - 2, len(text) + 9))]
    read = await handbook.catalog.versions.spans([*spans, TextSpan("ver_unknown", 0, 5)])
    assert read == {span: text[span.start : span.end] for span in spans}
    assert await handbook.catalog.versions.spans([]) == {}
