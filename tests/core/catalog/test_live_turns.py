"""What people asked and think of it, as evaluation looks at it: nothing that a run asked, and nothing of strangers."""

from dataclasses import replace
from datetime import timedelta

import pytest

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.moment import now
from footnote.core.errors import Conflict, NotFound
from footnote.core.types import StoredPassage
from tests.core.catalog.counting import STATEMENTS, counted
from tests.core.catalog.evaluation_story import asked, run_of
from tests.core.catalog.story import ANN, BEN, attach, caller, collection, erase, ingest, upload

OPERATOR = caller("local", is_operator=True)
SOON = timedelta(minutes=1)


async def live(catalog: Catalog, by=OPERATOR, *, since=None, until=None):
    return await catalog.live_turns.between(since or now() - SOON, until or now() + SOON, caller=by)


async def quoted(catalog: Catalog, by=ANN, **options):
    """A file that was read, as (file, a passage of it)."""
    file = await upload(catalog, by)
    attachment = await attach(catalog, await collection(catalog, by), file, by, **options)
    version = await ingest(catalog, text="Tides follow the moon. High tide is at six.")
    chunk = (await catalog.versions.chunks_of(version))[1]
    span = {"chunk_ids": (chunk.id,), "start": chunk.start, "end": chunk.end}
    return file, StoredPassage(n=1, attachment_id=attachment.id, version_id=version, **span, score=0.5, similarity=0.9)


async def test_a_live_turn_tells_its_support_and_what_the_asker_thinks(catalog: Catalog):
    names = [await asked(catalog, verdicts=verdicts) for verdicts in ("ssuu", "nu", "nn", "")]
    await catalog.feedback.keep(names[0], rating="down", correction="At seven.", caller=ANN)
    await catalog.feedback.keep(names[1], rating="up", caller=ANN)
    found = {turn.id: (turn.unsupported, turn.rating, turn.is_corrected) for turn in await live(catalog, ANN)}
    assert found == dict(zip(names, [(0.5, "down", True), (1.0, "up", False), (None, None, False), (None, None, False)], strict=True))


async def test_turns_of_runs_errors_cancelled_and_erased_ones_are_left_out(catalog: Catalog):
    file, passage = await quoted(catalog)
    kept = await asked(catalog, abstained=True)
    await asked(catalog, run_id=(await run_of(catalog)).id)
    await asked(catalog, error_code="generation_timeout")
    await asked(catalog, finish_reason="cancelled")
    await asked(catalog, passages=(passage,))
    await erase(catalog, file)
    assert [(turn.id, turn.abstained) for turn in await live(catalog)] == [(kept, True)]


async def test_the_range_holds_its_beginning_and_not_its_end(catalog: Catalog):
    noon = now()
    names = [await asked(catalog, at=noon + timedelta(hours=n)) for n in range(3)]
    found = await live(catalog, since=noon, until=noon + timedelta(hours=2))
    assert [turn.id for turn in found] == names[:2]


async def test_an_owner_sees_their_own_turns_and_the_operator_all(catalog: Catalog):
    anns, bens = await asked(catalog), await asked(catalog, by=BEN)
    assert [turn.id for turn in await live(catalog, ANN)] == [anns]
    assert {turn.id for turn in await live(catalog)} == {anns, bens}
    assert (await catalog.live_turns.get(bens, caller=OPERATOR)).question == "When is high tide?"
    assert (await catalog.live_turns.get(bens, caller=BEN)).id == bens
    with pytest.raises(NotFound):
        await catalog.live_turns.get(bens, caller=ANN)


# ---------------------------------------------------------------------------------------------------------------------------- feedback


async def test_the_last_that_somebody_says_counts(catalog: Catalog):
    turn_id = await asked(catalog)
    assert await catalog.feedback.of(turn_id, caller=ANN) is None
    first = await catalog.feedback.keep(turn_id, rating="down", comment="No!", correction="At seven.", caller=ANN)
    second = await catalog.feedback.keep(turn_id, rating="up", caller=ANN)
    assert (second.id, second.rating, second.comment, second.correction) == (first.id, "up", None, None)
    assert await catalog.feedback.of(turn_id, caller=ANN) == await catalog.feedback.of(turn_id, caller=OPERATOR) == second
    assert await catalog.feedback.of(turn_id, caller=BEN) is None


async def test_only_the_asker_says_what_they_think(catalog: Catalog):
    turn_id = await asked(catalog)
    for stranger, name in ((BEN, turn_id), (OPERATOR, turn_id), (ANN, "turn_none")):
        with pytest.raises(NotFound):
            await catalog.feedback.keep(name, rating="up", caller=stranger)


async def test_words_about_an_erased_turn_are_refused_and_a_rating_is_not(catalog: Catalog):
    file, passage = await quoted(catalog)
    turn_id = await asked(catalog, passages=(passage,))
    await erase(catalog, file)
    for words in ({"comment": "six?"}, {"correction": "seven"}):
        with pytest.raises(Conflict, match="erased"):
            await catalog.feedback.keep(turn_id, rating="down", caller=ANN, **words)
    assert (await catalog.feedback.keep(turn_id, rating="down", caller=ANN)).rating == "down"


# ---------------------------------------------------------------------------------------------------------------------------- passages


async def test_passages_come_with_their_text_while_they_may_be_read(catalog: Catalog):
    file, passage = await quoted(catalog, principals=["group:divers"])
    (found,) = await catalog.passages.of((passage,), caller=ANN)
    assert (found.n, found.text, found.filename, found.file_id) == (1, "High tide is at six.", "tides.txt", file.id)
    diver, nobody = caller("cleo", "group:divers"), replace(ANN, principals=frozenset())
    for stranger in (BEN, diver, nobody):
        assert await catalog.passages.of((passage,), caller=stranger) == (), "the collection is ann's"
    assert await catalog.passages.of((passage,), caller=None) == (found,)
    await catalog.attachments.detach(found.collection_id, file.id, caller=ANN)
    assert await catalog.passages.of((passage,), caller=ANN) == ()
    assert await catalog.passages.of((passage,), caller=None) == ()


async def test_a_passage_that_is_gone_leaves_the_others(catalog: Catalog):
    _, passage = await quoted(catalog)
    gone = replace(passage, n=2, attachment_id="att_gone")
    third = replace(passage, n=3, start=0, end=5, chunk_ids=())
    found = await catalog.passages.of((third, gone, passage), caller=ANN)
    assert [(each.n, each.text) for each in found] == [(1, "High tide is at six."), (3, "Tides")]


async def test_many_passages_are_read_by_few_statements(catalog: Catalog):
    _, passage = await quoted(catalog)
    many = [replace(passage, n=n, start=n % 7, end=n % 7 + 5) for n in range(1, 231)]
    with counted(catalog) as counts:
        found = await catalog.passages.of(many, caller=ANN)
    text = "Tides follow the moon. High tide is at six."
    assert [(each.n, each.text) for each in found] == [(each.n, text[each.start : each.end]) for each in many]
    assert counts[STATEMENTS] == 1 + 3 + 1, "where they stand, their spans by the hundred, their chunks"


async def test_what_may_be_read_of_many_turns_is_told_without_their_text(catalog: Catalog):
    _, passage = await quoted(catalog)
    _, bens = await quoted(catalog, BEN)
    others = [replace(passage, n=2, attachment_id="att_gone"), replace(passage, n=3, version_id="ver_gone"), replace(bens, n=4)]
    for caller_ in (ANN, BEN, replace(ANN, principals=frozenset())):
        told = await catalog.passages.readable([passage, *others], caller=caller_)
        assert {each.n for each in told} == {each.n for each in await catalog.passages.of([passage, *others], caller=caller_)}
    with counted(catalog) as counts:
        assert await catalog.passages.readable([passage, *others] * 50, caller=ANN) == {passage}
    assert counts == {STATEMENTS: 2}


async def test_a_page_of_turns_is_read_as_each_by_itself_and_by_few_statements(catalog: Catalog):
    _, passage = await quoted(catalog)
    anns = [await asked(catalog, passages=(passage, replace(passage, n=2))) for _ in range(9)] + [await asked(catalog)]
    bens = await asked(catalog, by=BEN)
    wanted = [*anns, bens, "turn_none"]
    for shelf, by, names in (
        (catalog.turns, ANN, anns),
        (catalog.turns, BEN, [bens]),
        (catalog.live_turns, ANN, anns),
        (catalog.live_turns, OPERATOR, [*anns, bens]),
    ):
        with counted(catalog) as counts:
            found = await shelf.some(wanted, caller=by)
        assert found == {name: await shelf.get(name, caller=by) for name in names}
        assert counts[STATEMENTS] == 2
