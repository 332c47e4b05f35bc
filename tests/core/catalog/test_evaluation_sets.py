"""Sets: a version for each content, documents by name, tombstones where they are erased, and nothing for strangers."""

import hashlib
import json
import random
from dataclasses import replace

import pytest
from sqlalchemy import select

from footnote.core.catalog import schema
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import CaseDraft, SetKind
from footnote.core.catalog.paging import Paging
from footnote.core.errors import InvalidInput, NotFound
from footnote.core.types import StoredPassage
from tests.core.catalog.evaluation_story import asked, draft, imported
from tests.core.catalog.story import ANN, BEN, attach, caller, collection, erase, ingest, upload

OPERATOR = caller("local", is_operator=True)


async def document(catalog: Catalog, filename: str, by=ANN, *principals: str):
    """A file in a collection of its own, as (file, attachment)."""
    file = await upload(catalog, by, text=f"The text of {filename} by {by.owner}.", filename=filename)
    return file, await attach(catalog, await collection(catalog, by, *principals), file, by)


async def test_cases_come_back_as_they_were_imported_and_in_their_order(catalog: Catalog):
    drafts = [draft(key, question=f"Question {key}? \x00 🌊") for key in ("z", "a", "m")]
    made = await imported(catalog, *drafts)
    assert (made.is_new, made.unresolved, made.n_unresolved_cases) == (True, (), 0)
    assert (made.set.name, made.set.number, made.set.kind, made.set.n_cases, made.set.n_tombstones) == ("tides", 1, "golden", 3, 0)
    cases = await catalog.evaluation_sets.cases(made.set.id, caller=ANN)
    labels = [{**each.labels, "question": f"Question {each.key}? \ufffd 🌊"} for each in drafts]  # what not every database stores
    assert [(case.key, case.ordinal, case.labels) for case in cases] == [(each.key, n, labels[n]) for n, each in enumerate(drafts)]
    assert not (await imported(catalog, *drafts)).is_new
    assert await catalog.evaluation_sets.get(made.set.id, caller=ANN) == made.set


async def test_the_same_cases_are_the_same_version_in_any_order_and_others_are_the_next(catalog: Catalog):
    drafts = [draft(key) for key in "abcdef"]
    first = await imported(catalog, *drafts)
    random.Random(1).shuffle(drafts)
    again = await imported(catalog, *drafts)
    assert (again.is_new, again.set) == (False, first.set)
    second = await imported(catalog, *drafts[1:])
    assert (second.is_new, second.set.number, second.set.sha256 != first.set.sha256) == (True, 2, True)
    back = await imported(catalog, *drafts)
    assert (back.set.number, back.set.sha256) == (3, first.set.sha256), "only the newest one is compared"
    other_kind = await imported(catalog, *drafts, kind=SetKind.GENERATED)
    assert (other_kind.set.number, other_kind.set.kind) == (4, SetKind.GENERATED)
    assert (await imported(catalog, *drafts, by=BEN)).set.number == 1, "each owner has names of their own"


async def test_the_hash_is_of_the_canonical_json(catalog: Catalog):
    made = await imported(catalog, CaseDraft(key="b", labels={"question": "Ö"}), CaseDraft(key="a", tombstone=True))
    canonical = json.dumps([{"id": "a", "tombstone": True}, {"id": "b", "question": "Ö"}], sort_keys=True, separators=(",", ":"))
    assert made.set.sha256 == hashlib.sha256(canonical.encode()).hexdigest()


@pytest.mark.parametrize("name", ["", " tides", "tides@2", "t" * 101])
async def test_a_name_that_could_not_be_called_is_refused(catalog: Catalog, name: str):
    with pytest.raises(InvalidInput, match="name"):
        await imported(catalog, name=name)


async def test_two_cases_of_one_id_are_refused_and_nothing_is_kept(catalog: Catalog):
    with pytest.raises(InvalidInput, match="id 'a'"):
        await imported(catalog, draft("a"), draft("a"))
    with pytest.raises(InvalidInput, match="1 to 20,000 cases"):
        await catalog.evaluation_sets.import_cases([], name="tides", kind=SetKind.GOLDEN, caller=ANN)
    assert (await catalog.evaluation_sets.list(caller=ANN, paging=Paging())).items == ()


async def test_a_new_version_is_shared_as_the_one_before_unless_somebody_says_otherwise(catalog: Catalog):
    first = await imported(catalog, draft("a"), principals=["group:team"])
    second = await imported(catalog, draft("b"))
    generated = await imported(catalog, draft("c"), kind=SetKind.GENERATED)
    assert [each.set.number for each in (first, second, generated)] == [1, 2, 3]
    team = caller("cleo", "group:team")
    for made in (first, second, generated):
        assert made.set.principals == {"owner:ann", "group:team"}
        assert (await catalog.evaluation_sets.get(made.set.id, caller=team)).id == made.set.id
    unshared = await imported(catalog, draft("d"), principals=[])
    assert unshared.set.principals == {"owner:ann"}
    assert (await imported(catalog, draft("e"))).set.principals == {"owner:ann"}, "and so are those after it"
    with pytest.raises(NotFound):
        await catalog.evaluation_sets.get(unshared.set.id, caller=team)


async def test_what_people_asked_is_not_shared_because_a_written_set_of_that_name_was(catalog: Catalog):
    await imported(catalog, draft("a"), principals=["group:team"])
    live = await imported(catalog, draft("b"), kind=SetKind.LIVE)
    assert live.set.principals == {"owner:ann"}
    named = await imported(catalog, draft("b"), kind=SetKind.LIVE, principals=["group:team"])
    assert named.set.id == live.set.id
    assert (await imported(catalog, draft("c"), kind=SetKind.LIVE)).set.principals == {"owner:ann", "group:team"}


# ------------------------------------------------------------------------------------------------------------------------- documents


async def test_documents_are_the_newest_of_their_name_that_the_importer_may_read(catalog: Catalog):
    await document(catalog, "tides.txt")
    _, newest = await document(catalog, "tides.txt")
    await document(catalog, "tides.txt", BEN)
    await document(catalog, "bens.txt", BEN)
    made = await imported(catalog, draft("a", "tides.txt", "bens.txt"), draft("b", "absent.txt"), draft("c"))
    assert (made.unresolved, made.n_unresolved_cases) == (("absent.txt", "bens.txt"), 2)
    cases = await catalog.evaluation_sets.cases(made.set.id, caller=ANN)
    assert [case.attachment_ids for case in cases] == [(newest.id,), (), ()]


async def test_a_document_in_a_collection_that_the_importer_may_not_read_is_not_resolved(catalog: Catalog):
    sea = await collection(catalog, BEN)
    await attach(catalog, sea, await upload(catalog, BEN), BEN, principals=["everyone"])
    assert (await imported(catalog, draft("a", "tides.txt"))).unresolved == ("tides.txt",)


async def test_importing_again_finds_documents_that_have_come_since(catalog: Catalog):
    first = await imported(catalog, draft("a", "tides.txt"))
    _, attachment = await document(catalog, "tides.txt")
    again = await imported(catalog, draft("a", "tides.txt"))
    assert (again.is_new, again.unresolved, again.set.id) == (False, (), first.set.id)
    (case,) = await catalog.evaluation_sets.cases(first.set.id, caller=ANN)
    assert case.attachment_ids == (attachment.id,)


@pytest.mark.parametrize("erased", ["tides.txt", "moon.txt"])
async def test_erasing_any_document_that_a_case_quotes_makes_a_tombstone(catalog: Catalog, erased: str):
    files = {name: (await document(catalog, name))[0] for name in ("tides.txt", "moon.txt")}
    made = await imported(catalog, draft("a", "tides.txt", "moon.txt", question="The secret?"), draft("b"))
    await erase(catalog, files[erased])
    assert (await catalog.erasures.receipt(files[erased].id, owner="ann")).before.cases == 1
    assert (await catalog.erasures.receipt(files[erased].id, owner="ann")).after.cases == 0
    first, second = await catalog.evaluation_sets.cases(made.set.id, caller=ANN)
    assert (first.key, first.tombstone, first.labels) == ("a", True, {})
    assert (second.tombstone, second.labels != {}) == (False, True)
    async with catalog.database.read() as session:
        assert "secret" not in repr((await session.execute(select(schema.EvaluationCase.labels))).all())
    after = await catalog.evaluation_sets.get(made.set.id, caller=ANN)
    assert (after.n_cases, after.n_tombstones, after.sha256) == (2, 1, made.set.sha256)


async def test_cases_that_were_erased_since_are_not_taken_for_the_same(catalog: Catalog):
    file, _ = await document(catalog, "tides.txt")
    drafts = (draft("a", "tides.txt"), draft("b"))
    first = await imported(catalog, *drafts)
    await erase(catalog, file)
    again = await imported(catalog, *drafts)
    assert (again.is_new, again.set.number, again.set.n_tombstones, again.unresolved) == (True, 2, 0, ("tides.txt",))
    assert (await catalog.evaluation_sets.get(first.set.id, caller=ANN)).n_tombstones == 1


# -------------------------------------------------------------------------------------------------------------------------- live cases


async def test_a_live_case_goes_with_its_turn(catalog: Catalog):
    file, attachment = await document(catalog, "tides.txt")
    version = await ingest(catalog)
    passage = StoredPassage(n=1, attachment_id=attachment.id, version_id=version, chunk_ids=(), start=0, end=5, score=0.5, similarity=0.9)
    turn_id = await asked(catalog, passages=(passage,))
    made = await imported(catalog, draft("live", turn_id=turn_id), kind=SetKind.LIVE)
    await erase(catalog, file)
    (case,) = await catalog.evaluation_sets.cases(made.set.id, caller=ANN)
    assert (case.tombstone, case.labels, case.turn_id) == (True, {}, turn_id)
    late = await imported(catalog, draft("live", turn_id=turn_id), draft("b"), kind=SetKind.LIVE)
    assert late.set.n_tombstones == 1, "its text does not come back by an import"
    assert not (await imported(catalog, draft("live", turn_id=turn_id), draft("b"), kind=SetKind.LIVE)).is_new


async def test_a_live_case_of_somebody_elses_turn_is_refused_but_for_the_operator(catalog: Catalog):
    turn_id = await asked(catalog, by=BEN)
    for by, name in ((ANN, turn_id), (ANN, "turn_none"), (OPERATOR, "turn_none")):
        with pytest.raises(NotFound, match="turn"):
            await imported(catalog, draft("live", turn_id=name), by=by, kind=SetKind.LIVE)
    assert (await imported(catalog, draft("live", turn_id=turn_id), by=OPERATOR, kind=SetKind.LIVE)).is_new


# ------------------------------------------------------------------------------------------------------------------------------ access


async def test_a_set_is_its_owners_alone_until_somebody_is_named(catalog: Catalog):
    made = await imported(catalog)
    team, nobody = caller("cleo", "group:team"), replace(ANN, principals=frozenset())
    for stranger in (BEN, team, nobody):
        for read in (
            catalog.evaluation_sets.get(made.set.id, caller=stranger),
            catalog.evaluation_sets.cases(made.set.id, caller=stranger),
            catalog.evaluation_sets.find("tides", caller=stranger),
        ):
            with pytest.raises(NotFound):
                await read
        assert (await catalog.evaluation_sets.list(caller=stranger, paging=Paging())).items == ()
    shared = await imported(catalog, principals=["group:team"])
    assert not shared.is_new
    assert await catalog.evaluation_sets.find("tides", caller=team) == shared.set
    assert len(await catalog.evaluation_sets.cases(made.set.id, caller=team)) == 3
    with pytest.raises(NotFound):
        await catalog.evaluation_sets.get(made.set.id, caller=BEN)


async def test_sets_are_found_by_name_and_number_and_ones_own_come_first(catalog: Catalog):
    first = (await imported(catalog, draft("a"))).set
    second = (await imported(catalog, draft("b"))).set
    for n in range(3):
        await imported(catalog, draft(f"ben{n}"), by=BEN, principals=["everyone"])
    find = catalog.evaluation_sets.find
    assert [await find("tides", caller=ANN), await find("tides", caller=ANN, number=1)] == [second, first]
    assert (await find("tides", caller=ANN, number=3)).owner == "ben"
    assert (await find("tides", caller=caller("cleo"))).label == "tides@3"
    with pytest.raises(NotFound, match="tides@9"):
        await find("tides", caller=ANN, number=9)


async def test_sets_are_listed_newest_first_page_by_page(catalog: Catalog):
    made = [(await imported(catalog, draft(str(n)), name=name)).set for n, name in enumerate(["tides", "moon", "tides"])]
    page = await catalog.evaluation_sets.list(caller=ANN, paging=Paging(limit=2))
    assert {each.id for each in page.items} == {each.id for each in sorted(made, key=lambda each: each.id)[1:]}
    assert page.has_more
    named = await catalog.evaluation_sets.list(caller=ANN, paging=Paging(), name="tides")
    assert {(each.number, each.n_cases) for each in named.items} == {(1, 1), (2, 1)}
