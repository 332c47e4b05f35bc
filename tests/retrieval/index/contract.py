"""What every index promises. A test class per implementation inherits this and gives the fixtures ``index`` and ``reopen``."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import numpy as np
import pytest

from footnote.core.errors import InvalidInput
from footnote.core.types import Access, Attributes, Combination, Comparison, Filter
from retrieval.attribute_filter import fulfils
from retrieval.index.port import HybridHits, Index
from tests.retrieval.index.points import DIMENSION, EVERYBODY, HANDBOOK, axis, point, query

OTHERS = "vs_others"


def chunks(found: HybridHits) -> list[str]:
    return [hit.chunk_id for hit in found.hits]


def access(*principals: str, collections: tuple[str, ...] = (HANDBOOK,)) -> Access:
    return Access(collection_ids=frozenset(collections), principals=frozenset(principals))


def named(value: object) -> str:
    """Name a parameter the same in every process: sets have another order in each."""
    return repr(sorted(cast("set[str]", value))) if isinstance(value, set) else repr(value)


class IndexContract:
    """The promises of ``retrieval.index.port.Index``."""

    # ------------------------------------------------------------------------------------------------------------ writing

    async def test_what_was_written_is_found_with_its_ids(self, index: Index):
        written = point("chunk_1", text="annual leave", version="ver_7", attachment="att_3", window=2, page=None)
        await index.upsert([written])
        found = await index.search(query(axis(0), "leave"), EVERYBODY)
        (hit,) = found.hits
        assert (hit.point_id, hit.collection_id, hit.attachment_id, hit.version_id, hit.chunk_id, hit.window) == (
            written.id,
            HANDBOOK,
            "att_3",
            "ver_7",
            "chunk_1",
            2,
        )
        assert found.similarities == pytest.approx((1.0,), abs=1e-5)

    async def test_writing_again_replaces(self, index: Index):
        for _ in range(3):
            await index.upsert([point("chunk_1", dense=axis(0), text="cat"), point("chunk_2", dense=axis(1), text="dog")])
        assert await index.count() == 2
        await index.upsert([point("chunk_1", dense=axis(3), text="owl")])
        assert await index.count() == 2
        assert chunks(await index.search(query(axis(3), limit=1), EVERYBODY)) == ["chunk_1"]
        assert chunks(await index.search(query(text="cat"), EVERYBODY)) == []
        assert chunks(await index.search(query(text="owl"), EVERYBODY)) == ["chunk_1"]

    async def test_more_points_than_one_call_of_the_engine_takes(self, index: Index):
        await index.upsert([point(f"chunk_{n}", dense=axis(n), text=f"word{n}") for n in range(600)])
        assert await index.count() == 600
        assert chunks(await index.search(query(text="word599"), EVERYBODY)) == ["chunk_599"]

    async def test_writing_nothing(self, index: Index):
        await index.upsert([])
        await index.delete_versions([])
        assert await index.count() == 0

    async def test_a_vector_of_another_dimension_is_refused(self, index: Index):
        with pytest.raises(ValueError, match="shape"):
            await index.upsert([point("chunk_1", dense=np.ones(DIMENSION + 1, dtype=np.float32))])
        with pytest.raises(ValueError, match="finite"):
            await index.upsert([point("chunk_1", dense=np.full(DIMENSION, np.nan, dtype=np.float32))])

    # ---------------------------------------------------------------------------------------------------------- searching

    async def test_an_empty_index_finds_nothing(self, index: Index):
        assert await index.search(query(axis(0), "word"), EVERYBODY) == HybridHits((), ())

    async def test_dense_order_and_similarities(self, index: Index):
        await index.upsert([point(f"chunk_{n}", dense=axis(0, tilt=float(n))) for n in range(4)])
        for exact in (False, True):
            found = await index.search(query(axis(0), limit=3, exact=exact), EVERYBODY)
            assert chunks(found) == ["chunk_0", "chunk_1", "chunk_2"]
            assert found.similarities == pytest.approx([1.0, 1 / 2**0.5, 1 / 5**0.5], abs=1e-5)
            assert [hit.score for hit in found.hits] == pytest.approx(found.similarities, abs=1e-5)

    async def test_sparse_order_prefers_rare_words(self, index: Index):
        common = [point(f"common_{n}", text="policy about holidays") for n in range(20)]
        await index.upsert([*common, point("rare", text="policy about sabbaticals")])
        found = await index.search(query(text="sabbatical policy", limit=3), EVERYBODY)
        assert chunks(found)[0] == "rare"
        assert found.similarities == (0.0, 0.0, 0.0)
        scores = [hit.score for hit in found.hits]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] > 2 * scores[1]  # the inverse document frequency is at work

    async def test_hybrid_is_reciprocal_rank_fusion_with_k_60(self, index: Index):
        await index.upsert(
            [
                point("both", dense=axis(0, tilt=0.2), text="badge reader"),
                point("dense", dense=axis(0), text="something else"),
                point("words", dense=axis(4), text="badge badge badge"),
                point("neither", dense=axis(5), text="nothing"),
            ]
        )
        found = await index.search(query(axis(0), "badge", n_candidates=2, limit=4), EVERYBODY)
        assert chunks(found)[0] == "both"
        assert set(chunks(found)) == {"both", "dense", "words"}
        scores = {hit.chunk_id: hit.score for hit in found.hits}
        first, second = 1 / 60, 1 / 61  # Qdrant counts ranks from zero
        assert scores == pytest.approx({"both": 2 * second, "dense": first, "words": first}, rel=1e-4)

    async def test_hybrid_similarities_are_the_cosines_also_of_hits_found_by_words_alone(self, index: Index):
        await index.upsert([point("near", dense=axis(0, tilt=0.5), text="alpha"), point("far", dense=axis(3), text="beta")])
        found = await index.search(query(axis(0), "beta", n_candidates=1, limit=2), EVERYBODY)
        similarity = dict(zip(chunks(found), found.similarities, strict=True))
        assert similarity["near"] == pytest.approx(float(axis(0) @ axis(0, tilt=0.5)), abs=1e-5)
        assert similarity["far"] == pytest.approx(0.0, abs=1e-5)

    async def test_ties_are_ordered_by_point_id(self, index: Index):
        await index.upsert([point(f"chunk_{n}", dense=axis(0), text="same words") for n in range(6)])
        for asked in (query(axis(0)), query(text="words")):
            ids = [hit.point_id for hit in (await index.search(asked, EVERYBODY)).hits]
            assert ids == sorted(ids)
            assert len(ids) == 6

    async def test_windows_of_a_chunk_are_hits_of_their_own(self, index: Index):
        await index.upsert([point("chunk_1", dense=axis(0), window=0), point("chunk_1", dense=axis(1), window=1)])
        found = await index.search(query(axis(1), limit=5), EVERYBODY)
        assert [(hit.chunk_id, hit.window) for hit in found.hits] == [("chunk_1", 1), ("chunk_1", 0)]

    async def test_a_query_without_words_that_count(self, index: Index):
        await index.upsert([point("chunk_1", dense=axis(0), text="the cat")])
        assert chunks(await index.search(query(text="the of and"), EVERYBODY)) == []
        assert chunks(await index.search(query(text=""), EVERYBODY)) == []
        assert chunks(await index.search(query(axis(0), "the"), EVERYBODY)) == ["chunk_1"]
        assert chunks(await index.search(query(), EVERYBODY)) == []
        assert chunks(await index.search(query(text="cat \ud800"), EVERYBODY)) == ["chunk_1"]  # half a character

    async def test_words_in_other_scripts_and_with_accents(self, index: Index):
        await index.upsert(
            [
                point("german", text="Überstunden für Straßenbauer"),
                point("decomposed", text="Pru\u0308fung"),  # u and a combining diaeresis, as PDF files have it
                point("chinese", text="中文分词规则"),
                point("thai", text="กฎของบริษัท"),
                point("russian", text="Отпуск сотрудника"),
            ]
        )
        for words, expected in [
            ("überstunden", "german"),
            ("STRASSENBAUER", "german"),
            ("Prüfung", "decomposed"),
            ("分词", "chinese"),
            ("บริษัท", "thai"),
            ("отпуск", "russian"),
        ]:
            assert chunks(await index.search(query(text=words), EVERYBODY)) == [expected], words

    # ------------------------------------------------------------------------------------------------------------- access

    @pytest.mark.parametrize("nobody", [access(), access("everyone", collections=()), access(collections=())])
    async def test_access_that_names_nobody_or_nothing_finds_nothing(self, index: Index, nobody: Access):
        await index.upsert([point("chunk_1", text="word")])
        for asked in (query(axis(0)), query(text="word"), query(axis(0), "word")):
            assert await index.search(asked, nobody) == HybridHits((), ())
        assert await index.count(nobody) == 0

    async def test_principals(self, index: Index):
        await index.upsert(
            [
                point("open", dense=axis(0), text="word"),
                point("board", dense=axis(0), text="word", principals=("board",)),
                point("both", dense=axis(0), text="word", principals=("board", "finance")),
                point("none", dense=axis(0), text="word", principals=()),
            ]
        )
        for principals, expected in [
            (("everyone",), {"open"}),
            (("board",), {"board", "both"}),
            (("finance",), {"both"}),
            (("everyone", "finance"), {"open", "both"}),
            (("Board",), set()),
            (("boa",), set()),
        ]:
            for asked in (query(axis(0)), query(text="word"), query(axis(0), "word")):
                assert set(chunks(await index.search(asked, access(*principals)))) == expected, (principals, asked)
            assert await index.count(access(*principals)) == len(expected)

    async def test_collections(self, index: Index):
        await index.upsert([point("ours", text="word"), point("theirs", text="word", collection=OTHERS)])
        for asked in (query(axis(0)), query(text="word"), query(axis(0), "word")):
            assert chunks(await index.search(asked, EVERYBODY)) == ["ours"]
            assert chunks(await index.search(asked, access("everyone", collections=(OTHERS,)))) == ["theirs"]
            assert len((await index.search(asked, access("everyone", collections=(HANDBOOK, OTHERS)))).hits) == 2
            assert chunks(await index.search(asked, access("everyone", collections=("vs_unknown",)))) == []

    async def test_a_filter_cannot_widen_access(self, index: Index):
        await index.upsert([point("secret", text="word", principals=("board",), department="sales")])
        either = Combination("or", (Comparison("eq", "department", "sales"), Comparison("ne", "department", "sales")))
        for asked in (query(axis(0), filter=either), query(text="word", filter=either), query(axis(0), "word", filter=either)):
            assert chunks(await index.search(asked, EVERYBODY)) == []

    async def test_excluded_versions(self, index: Index):
        await index.upsert([point("old", text="word", version="ver_old"), point("new", text="word", version="ver_new")])
        for excluded, expected in [({"ver_old"}, {"new"}), ({"ver_old", "ver_new"}, set()), ({"ver_other"}, {"old", "new"})]:
            for dense, text in ((axis(0), None), (None, "word"), (axis(0), "word")):
                asked = query(dense, text, excluded_versions=frozenset(excluded))
                assert set(chunks(await index.search(asked, EVERYBODY))) == expected

    @pytest.mark.parametrize(
        ("editions", "others", "expected"),
        [
            ({}, set(), {"first", "built", "elsewhere", "elsewhere built"}),
            ({HANDBOOK: None, OTHERS: None}, {"r1", "r2"}, {"first", "elsewhere"}),
            ({HANDBOOK: "r1", OTHERS: None}, {"r2"}, {"built", "elsewhere"}),
            ({HANDBOOK: "r1", OTHERS: "r2"}, set(), {"built", "elsewhere built"}),
            ({HANDBOOK: "r9", OTHERS: None}, {"r1", "r2"}, {"elsewhere"}),
        ],
        ids=["unknown", "first of both", "one flipped", "both flipped", "empty edition"],
    )
    async def test_editions(self, index: Index, editions: dict[str, str | None], others: set[str], expected: set[str]):
        await index.upsert(
            [
                point("first", text="word"),
                point("built", text="word", version="ver_2", edition="r1"),
                point("elsewhere", text="word", collection=OTHERS),
                point("elsewhere built", text="word", collection=OTHERS, version="ver_3", edition="r2"),
                point("secret", text="word", principals=("board",)),
            ]
        )
        everywhere = access("everyone", collections=(HANDBOOK, OTHERS))
        for dense, text in ((axis(0), None), (None, "word"), (axis(0), "word")):
            asked = query(dense, text, editions=editions, other_editions=frozenset(others))
            assert set(chunks(await index.search(asked, everywhere))) == expected

    # ------------------------------------------------------------------------------------------------- filters on attributes

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (Comparison("eq", "team", "sales"), {"a"}),
            (Comparison("eq", "team", "Sales"), set()),
            (Comparison("eq", "year", 2024), {"a"}),
            (Comparison("eq", "year", 2024.0), {"a"}),
            (Comparison("eq", "year", "2024"), {"d"}),
            (Comparison("eq", "draft", True), {"a"}),
            (Comparison("eq", "draft", False), {"b"}),
            (Comparison("eq", "draft", 1), set()),
            (Comparison("eq", "draft", "true"), set()),
            (Comparison("ne", "team", "sales"), {"b", "c", "d"}),
            (Comparison("ne", "draft", True), {"b", "c", "d"}),
            (Comparison("gt", "year", 2024), {"b"}),
            (Comparison("gte", "year", 2024), {"a", "b"}),
            (Comparison("lt", "year", 2025.5), {"a", "b"}),
            (Comparison("lte", "year", 2024), {"a"}),
            (Comparison("lt", "year", -1), set()),
            (Comparison("in", "team", ("sales", "legal")), {"a", "b"}),
            (Comparison("in", "year", (2024, "2024", True)), {"a", "d"}),
            (Comparison("in", "team", ()), set()),
            (Comparison("nin", "team", ("sales", "legal")), {"c", "d"}),
            (Comparison("nin", "team", ()), {"a", "b", "c", "d"}),
            (Comparison("eq", "unknown", "x"), set()),
            (Comparison("ne", "unknown", "x"), {"a", "b", "c", "d"}),
            (Comparison("eq", 'odd "key".[0] %22\\ ü', "found"), {"c"}),
            (Comparison("eq", "", "empty key"), {"c"}),
            (Combination("and", (Comparison("gte", "year", 2024), Comparison("eq", "draft", True))), {"a"}),
            (Combination("or", (Comparison("eq", "team", "sales"), Comparison("eq", "year", "2024"))), {"a", "d"}),
            (Combination("and", ()), {"a", "b", "c", "d"}),
            (Combination("or", ()), set()),
            (
                Combination(
                    "and",
                    (
                        Combination("or", (Comparison("eq", "team", "sales"), Comparison("eq", "team", "legal"))),
                        Combination("or", (Comparison("lt", "year", 2025), Combination("and", (Comparison("eq", "draft", False),)))),
                        Comparison("ne", "team", "legal"),
                    ),
                ),
                {"a"},
            ),
        ],
        ids=named,
    )
    async def test_filter(self, index: Index, condition: Filter, expected: set[str]):
        documents: dict[str, Attributes] = {
            "a": {"team": "sales", "year": 2024, "draft": True},
            "b": {"team": "legal", "year": 2025.0, "draft": False},
            "c": {'odd "key".[0] %22\\ ü': "found", "": "empty key"},
            "d": {"year": "2024"},
        }
        await index.upsert([point(name, text="word", **attributes) for name, attributes in documents.items()])
        for asked in (query(axis(0), filter=condition), query(text="word", filter=condition), query(axis(0), "word", filter=condition)):
            assert set(chunks(await index.search(asked, EVERYBODY))) == expected
        assert {name for name, attributes in documents.items() if fulfils(attributes, condition)} == expected

    @pytest.mark.parametrize(
        "condition",
        [
            Comparison("gt", "year", "2024"),
            Comparison("lte", "year", True),
            Comparison("lt", "year", float("nan")),
            Comparison("eq", "year", ("a", "b")),
            Comparison("in", "year", "a"),
        ],
        ids=named,
    )
    async def test_a_filter_that_makes_no_sense_is_refused(self, index: Index, condition: Filter):
        with pytest.raises(InvalidInput):
            await index.search(query(axis(0), filter=condition), EVERYBODY)

    async def test_a_filter_nested_too_deeply_is_refused(self, index: Index):
        condition: Filter = Comparison("eq", "team", "sales")
        for _ in range(200):
            condition = Combination("and", (condition,))
        with pytest.raises(InvalidInput, match="nested"):
            await index.search(query(axis(0), filter=condition), EVERYBODY)

    # ------------------------------------------------------------------------------------------ counting, changing, deleting

    async def test_count(self, index: Index):
        await index.upsert([point("a", version="ver_1"), point("b", version="ver_1"), point("c", version="ver_2", principals=("board",))])
        assert await index.count() == 3
        assert await index.count(version_id="ver_1") == 2
        assert await index.count(version_id="ver_none") == 0
        assert await index.count(EVERYBODY) == 2
        assert await index.count(EVERYBODY, version_id="ver_2") == 0

    async def test_update_payload_replaces_principals_and_attributes(self, index: Index):
        await index.upsert(
            [
                point("a", attachment="att_1", team="sales", year=2024, draft=True),
                point("b", attachment="att_1", version="ver_2"),
                point("c", attachment="att_2", team="sales"),
            ]
        )
        await index.update_payload("att_1", principals=frozenset({"board"}), attributes={"team": "legal"})
        assert set(chunks(await index.search(query(axis(0)), EVERYBODY))) == {"c"}
        board = access("board")
        assert set(chunks(await index.search(query(axis(0)), board))) == {"a", "b"}
        for gone in (Comparison("eq", "year", 2024), Comparison("eq", "draft", True), Comparison("eq", "team", "sales")):
            assert chunks(await index.search(query(axis(0), filter=gone), board)) == []
        assert set(chunks(await index.search(query(axis(0), filter=Comparison("eq", "team", "legal")), board))) == {"a", "b"}
        await index.update_payload("att_1", principals=frozenset(), attributes={})
        assert await index.count(board) == 0
        await index.update_payload("att_unknown", principals=frozenset({"everyone"}), attributes={})
        assert await index.count() == 3

    async def test_delete_versions(self, index: Index):
        await index.upsert([point("a", version="ver_1"), point("b", version="ver_2"), point("c", version="ver_3")])
        await index.delete_versions(["ver_1", "ver_3", "ver_unknown"])
        assert chunks(await index.search(query(axis(0)), EVERYBODY)) == ["b"]
        await index.delete_versions(["ver_1"])
        assert await index.count() == 1

    async def test_delete_collection(self, index: Index):
        await index.upsert([point("ours"), point("theirs", collection=OTHERS)])
        await index.delete_collection(HANDBOOK)
        assert await index.count() == 1
        assert chunks(await index.search(query(axis(0)), access("everyone", collections=(HANDBOOK, OTHERS)))) == ["theirs"]
        await index.delete_collection("vs_unknown")
        assert await index.count() == 1

    # ------------------------------------------------------------------------------------------------------- the whole thing

    async def test_optimizing_changes_no_answer(self, index: Index):
        await index.upsert([point(f"chunk_{n}", dense=axis(n, tilt=n / 100), text=f"word{n}") for n in range(100)])
        await index.delete_versions(["ver_none"])
        asked = query(axis(3), "word7 word9", limit=20)
        before = await index.search(asked, EVERYBODY)
        await index.optimize()
        after = await index.search(asked, EVERYBODY)
        assert await index.count() == 100
        assert {hit.chunk_id: hit.score for hit in after.hits} == pytest.approx({hit.chunk_id: hit.score for hit in before.hits}, rel=1e-3)

    async def test_reading_and_writing_at_the_same_time(self, index: Index):
        async def write(n: int) -> None:
            await index.upsert([point(f"chunk_{n}_{m}", dense=axis(n), text="word") for m in range(20)])

        async def read() -> None:
            found = await index.search(query(axis(0), "word"), EVERYBODY)
            assert len(found.hits) == len(found.similarities)

        await asyncio.gather(*(write(n) for n in range(8)), *(read() for _ in range(20)))
        assert await index.count() == 160

    async def test_closing_twice(self, index: Index):
        await index.close()
        await index.close()

    async def test_health(self, index: Index):
        await index.upsert([point("a")])
        health = await index.health()
        assert health.ready
        assert health.name == "index"
        assert health.facts["points"] == 1

    async def test_opening_again_finds_the_same(self, index: Index, reopen: Callable[[], Awaitable[Index]]):
        await index.upsert([point("a", text="word", team="sales"), point("b", dense=axis(2))])
        again = await reopen()
        assert await again.count() == 2
        assert chunks(await again.search(query(text="word", filter=Comparison("eq", "team", "sales")), EVERYBODY)) == ["a"]
        await again.upsert([point("c")])
        assert await again.count() == 3
