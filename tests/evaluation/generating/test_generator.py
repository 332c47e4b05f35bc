"""Sets generated from a catalog: what comes into them, what stays out, and what is left after an erasure."""

import asyncio
from collections import Counter

import pytest

from evaluation.cases import Case
from evaluation.generating.generator import SetGenerator
from evaluation.sets import case_or_tombstone, scorable
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import SetKind
from footnote.core.errors import InvalidInput, NotFound
from footnote.core.types import Caller, Document
from serving.generated_sets import GeneratedSet, GenerationProgress, WantedSet
from tests.core.catalog.story import ANN, BEN, collection, erase
from tests.evaluation.generating.documents import parsed, publish


async def nobody_waits() -> None:
    """Give way to nobody."""


def generator(catalog: Catalog, **changes: object) -> SetGenerator:
    return SetGenerator(catalog, **{"open_writer": None, "give_way": nobody_waits, **changes})  # pyright: ignore[reportArgumentType]


def handbook(subject: str, *, countries: str = "Poland Italy Spain Norway") -> Document:
    """Return a document of its own about a subject, with something for each rule."""
    rows = "\n".join(f"{country} | {subject} {number}7 | {number}3 days" for number, country in enumerate(countries.split(), start=2))
    return parsed(
        f"# {subject} at work",
        f"The {subject} office was opened on 4 May 2019 and answers letters within nine working days.",
        f"# Rates for {subject}",
        f"Country | Rate | Deadline\n{rows}",
        f"# Care of {subject}",
        f"The {subject} check lasts 45 minutes. A {subject} log is a bound book in which each check is noted by hand.",
        title=f"Rules for {subject}",
    )


async def generated(catalog: Catalog, *, by: Caller = ANN, **wanted: object) -> tuple[GeneratedSet, list[Case]]:
    made = await generator(catalog).generate(WantedSet(**{"name": "made", "caller": by, "n_cases": 20, **wanted}))  # pyright: ignore[reportArgumentType]
    if made.imported is None:
        return made, []
    return made, list(scorable(await catalog.evaluation_sets.cases(made.imported.set.id, caller=by)))


async def test_cases_quote_documents_word_for_word_and_say_that_a_rule_made_them(catalog: Catalog):
    place = await collection(catalog)
    texts = {f"{subject}.md": handbook(subject) for subject in ("pumps", "lathes", "ovens")}
    for name, document in texts.items():
        await publish(catalog, place, document, filename=name)
    made, cases = await generated(catalog)
    assert made.imported is not None
    assert (made.imported.set.kind, made.imported.unresolved, made.n_documents) == (SetKind.GENERATED, (), 3)
    assert len(cases) == 20
    assert {case.generated_by for case in cases} == {"rule"}
    for case in cases:
        assert case.document in texts
        assert all(gold.quote in texts[gold.document].text for gold in case.gold)
        assert case.answerable == bool(case.gold) == bool(case.answers)
    assert made.by_kind == Counter(case.kind for case in cases)
    assert made.by_document == Counter(case.document for case in cases)
    assert set(made.by_kind) == {"heading", "table", "definition", "number", "unanswerable"}
    assert max(made.by_document.values()) - min(made.by_document.values()) <= 3


async def test_the_same_documents_and_seed_give_the_same_set_in_another_collection(catalog: Catalog):
    for name in ("sea", "land"):
        place = await collection(catalog, name=name)
        await publish(catalog, place, handbook("pumps"), filename="pumps.md")
        await publish(catalog, place, handbook("lathes"), filename="lathes.md")
    sea, land = [each.id for each in await catalog.collections.readable(None, caller=ANN) if each.name in ("sea", "land")]
    cases = [(await generated(catalog, collection_id=place, seed=seed))[1] for place, seed in ((sea, 3), (land, 3), (land, 4))]
    assert cases[0] == cases[1]
    assert cases[1] != cases[2]


async def test_what_the_caller_may_not_read_is_neither_asked_about_nor_looked_at(catalog: Catalog):
    await publish(catalog, await collection(catalog, BEN, name="his"), handbook("pumps"), filename="pumps.md", by=BEN)
    made, cases = await generated(catalog)
    assert (made.imported, cases, made.n_documents) == (None, [], 0)
    with pytest.raises(NotFound):
        await generated(catalog, collection_id=await collection(catalog, BEN, name="also his"))


async def test_questions_are_made_of_one_collection_and_checked_against_all(catalog: Catalog):
    place, beside = await collection(catalog), await collection(catalog, name="beside")
    await publish(catalog, place, handbook("pumps"), filename="pumps.md")
    everywhere = "Argentina Australia Austria Belgium Brazil Canada Chile China Denmark Egypt Finland France Germany Greece"
    await publish(catalog, beside, handbook("lathes", countries=everywhere), filename="lathes.md")
    _, cases = await generated(catalog, collection_id=place, n_cases=100, per_document=100)
    assert {case.document for case in cases} == {"pumps.md"}
    made_up = [case.question for case in cases if not case.answerable]
    assert made_up
    assert not [question for question in made_up for country in everywhere.split() if country in question]


async def test_what_stands_in_two_documents_is_ambiguous(catalog: Catalog):
    place = await collection(catalog)
    twice = "The boiler check lasts 45 minutes."
    await publish(catalog, place, parsed("# Boilers", twice, title="One"), filename="one.md")
    await publish(catalog, place, parsed("# Kettles", twice, title="Two"), filename="two.md")
    made, cases = await generated(catalog)
    assert cases == []
    assert made.left_out["ambiguous"] == 2


async def test_two_documents_of_the_same_name_are_left_out(catalog: Catalog):
    place = await collection(catalog)
    await publish(catalog, place, handbook("pumps"), filename="rules.md")
    await publish(catalog, place, handbook("lathes"), filename="rules.md")
    made, cases = await generated(catalog)
    assert (cases, made.left_out) == ([], {"same_name": 2})


async def test_erasing_a_document_leaves_tombstones_of_its_cases_alone(catalog: Catalog):
    place = await collection(catalog)
    gone = await publish(catalog, place, handbook("pumps"), filename="pumps.md")
    await publish(catalog, place, handbook("lathes"), filename="lathes.md")
    made, cases = await generated(catalog)
    assert made.imported is not None
    await erase(catalog, gone)
    left = [case_or_tombstone(record) for record in await catalog.evaluation_sets.cases(made.imported.set.id, caller=ANN)]
    assert [case for case in left if isinstance(case, Case)] == [case for case in cases if case.document == "lathes.md"]
    assert len(left) == len(cases)


async def test_a_document_that_is_erased_while_cases_are_made_of_it_leaves_no_text(catalog: Catalog):
    file = await publish(catalog, await collection(catalog), handbook("pumps"), filename="pumps.md")
    erased = asyncio.Event()
    seen: list[GenerationProgress] = []

    async def erase_when_checking() -> None:
        if any(progress.step == "reading" for progress in seen) and not erased.is_set():
            erased.set()
            await erase(catalog, file)

    made = await generator(catalog, give_way=erase_when_checking).generate(
        WantedSet(name="made", caller=ANN, n_cases=10), on_progress=seen.append
    )
    assert erased.is_set()
    assert made.imported is not None
    assert all(record.tombstone for record in await catalog.evaluation_sets.cases(made.imported.set.id, caller=ANN))


async def test_it_gives_way_before_each_document(catalog: Catalog):
    place = await collection(catalog)
    for subject in ("pumps", "lathes"):
        await publish(catalog, place, handbook(subject), filename=f"{subject}.md")
    ways: list[int] = []
    seen: list[GenerationProgress] = []

    async def give_way() -> None:
        ways.append(len(seen))

    await generator(catalog, give_way=give_way).generate(WantedSet(name="made", caller=ANN), on_progress=seen.append)
    assert [(progress.step, progress.n_done, progress.n_total) for progress in seen] == [
        ("reading", 1, 2),
        ("reading", 2, 2),
        ("checking", 1, 2),
        ("checking", 2, 2),
    ]
    assert set(ways) == {0, 1, 2, 3}


async def test_a_model_that_nobody_configured_writes_nothing(catalog: Catalog):
    with pytest.raises(InvalidInput, match="language model"):
        await generated(catalog, way="model")
