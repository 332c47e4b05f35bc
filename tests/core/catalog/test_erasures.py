"""Erasing: whatever holds text of a file loses it, what it did not touch stays, and the receipt counts both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from footnote.core.catalog import erasures, quotations, schema
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.erasures import ErasureCounts
from footnote.core.catalog.evaluation_records import CaseDraft
from footnote.core.catalog.jobs import LeaseLost
from footnote.core.catalog.moment import now
from footnote.core.catalog.repeated_answers import answer_hash, hashes_of, repeats, said
from footnote.core.errors import NotFound, StorageUnavailable
from footnote.core.ids import new_id
from footnote.core.types import Citation, Claim, DraftClaim, Message, StoredPassage, TokenUsage, Turn, Verdict
from tests.core.catalog.evaluation_story import run_of
from tests.core.catalog.story import ANN, BEN, PARSER, attach, build, claim, collection, document, erase, ingest, upload

SECRET = "The kestrel nests above the boiler house"


async def ingested(catalog: Catalog, *, text: str = SECRET, by=ANN, filename: str = "birds.txt") -> tuple[Any, Any]:
    """A file that was read, as (file, attachment)."""
    file = await upload(catalog, by, text=text, filename=filename)
    attachment = await attach(catalog, await collection(catalog, by), file, by)
    await ingest(catalog, text=text)
    return file, attachment


async def tell(
    catalog: Catalog,
    attachment_ids: list[str],
    *,
    owner: str = "ann",
    shown: str = f"{SECRET} [1].",
    history=(),
    conversation: str = "",
    **more: Any,
) -> str:
    """Keep a turn that had passages of these attachments."""
    release = await catalog.releases.ensure_champion({"model": "smollm2"})
    turn_id = new_id("turn")
    citation = Citation(passage=1, start=4, end=11, quote="kestrel", page=None, score=0.9, marked=True)
    turn = Turn(
        id=turn_id,
        owner=owner,
        principals=frozenset({f"owner:{owner}"}),
        conversation=conversation or turn_id,
        release_id=release.id,
        asked_at=now(),
        question="Where does the kestrel nest?",
        history=tuple(Message(role=role, content=content) for role, content in history),
        query="kestrel nest",
        collection_ids=(),
        prompt=(Message(role="user", content=f"[1] {SECRET}"),) if attachment_ids else (),
        passages=tuple(
            StoredPassage(n=n, attachment_id=each, version_id="ver", chunk_ids=(), start=0, end=9, score=0.03, similarity=0.8)
            for n, each in enumerate(attachment_ids, start=1)
        ),
        draft=shown,
        shown=shown,
        changes=("marker_added: One was added.",),
        claims=(Claim(start=0, end=11, verdict=Verdict.SUPPORTED, score=0.93, citations=(citation,)),),
        draft_claims=(DraftClaim(start=0, end=11, verdict=Verdict.SUPPORTED, score=0.93),),
        abstained=False,
        finish_reason="stop",
        usage=TokenUsage(prompt_tokens=100, completion_tokens=7),
        timings_ms={"total": 900.25},
    )
    await catalog.turns.store(replace(turn, **more))
    return turn_id


async def add(catalog: Catalog, *rows: Any) -> None:
    async with catalog.database.write() as session:
        for row in rows:
            session.add(row)
            await session.flush()


async def everything(catalog: Catalog) -> str:
    """All that the catalog's tables hold, as one text."""
    async with catalog.database.read() as session:
        found = [(await session.execute(select(table))).all() for table in schema.Base.metadata.sorted_tables]
    return repr(found)


async def turn_of(catalog: Catalog, turn_id: str, by=ANN) -> Turn:
    return await catalog.turns.get(turn_id, caller=by)


# --------------------------------------------------------------------------------------------------------------------- what goes


async def test_no_text_of_an_erased_file_is_left_in_any_table(catalog: Catalog):
    file, attachment = await ingested(catalog)
    turn_id = await tell(catalog, [attachment.id])
    await add(
        catalog,
        schema.Feedback(
            id="fb_1", turn_id=turn_id, owner="ann", rating="down", comment="a kestrel?", correction="a kestrel", created_at=now()
        ),
        *evaluation_case("case_1", attachment_id=attachment.id),
        *training_row("row_1", attachment_ids=["att_other", attachment.id]),
    )
    assert "kestrel" in await everything(catalog)
    assert await erase(catalog, file) == [file.blob_sha256]
    left = await everything(catalog)
    assert "kestrel" not in left
    assert "birds.txt" not in left
    with pytest.raises(NotFound):
        await catalog.files.get(file.id, owner="ann")


async def test_the_receipt_counts_what_was_there_and_counts_again(catalog: Catalog):
    file, attachment = await ingested(catalog, text=f"{SECRET}. In spring. It returns")
    turns = [await tell(catalog, [attachment.id]) for _ in range(2)]
    await add(
        catalog,
        schema.Feedback(id="fb_1", turn_id=turns[0], owner="ann", rating="up", comment="yes", correction=None, created_at=now()),
        schema.Feedback(id="fb_2", turn_id=turns[1], owner="ann", rating="up", comment=None, correction=None, created_at=now()),
        *evaluation_case("case_1", turn_id=turns[0]),
        *training_row("row_1", turn_id=turns[1]),
        schema.Adapter(
            id="adp_1",
            owner="ann",
            principals=[],
            base_model="m",
            base_revision="r",
            training_set_id="set_row_1",
            location="",
            details={},
            created_at=now(),
        ),
    )
    erasure = await catalog.erasures.begin(file.id, owner="ann")
    await catalog.erasures.note_points(erasure, 3)
    assert await catalog.erasures.erase_text(erasure, n_points_left=0, remove_bytes=nothing)
    receipt = await catalog.erasures.finish(erasure, purged=True)
    assert receipt.before == ErasureCounts(
        attachments=1,
        versions=1,
        points=3,
        chunks=3,
        documents=1,
        bytes=file.size_bytes,
        turns=2,
        feedback=1,
        cases=1,
        training_rows=1,
    )
    assert receipt.after == ErasureCounts()
    assert (receipt.state, receipt.purged, receipt.adapters, receipt.kept_for) == ("done", True, ("adp_1",), ())
    assert await catalog.erasures.receipt(file.id, owner="ann") == receipt
    for stranger, name in (("ben", file.id), ("ann", "file-none")):
        with pytest.raises(NotFound):
            await catalog.erasures.receipt(name, owner=stranger)


async def test_a_turn_keeps_what_is_no_text(catalog: Catalog):
    file, attachment = await ingested(catalog)
    turn_id = await tell(catalog, [attachment.id])
    before = await turn_of(catalog, turn_id)
    await erase(catalog, file)
    after = await turn_of(catalog, turn_id)
    assert after.erased_at is not None
    assert (after.question, after.query, after.history, after.prompt, after.draft, after.shown) == ("", "", (), (), "", "")
    assert [citation.quote for claim in after.claims for citation in claim.citations] == [""]
    assert (after.passages, after.timings_ms, after.usage, after.draft_claims) == (
        before.passages,
        before.timings_ms,
        before.usage,
        before.draft_claims,
    )
    assert [(claim.verdict, claim.score) for claim in after.claims] == [(claim.verdict, claim.score) for claim in before.claims]


async def test_turns_of_others_and_of_attachments_that_are_gone_are_found(catalog: Catalog):
    file, attachment = await ingested(catalog)
    bens = await tell(catalog, [attachment.id], owner="ben")
    await catalog.attachments.detach(attachment.collection_id, file.id, caller=ANN)
    sea = await collection(catalog, name="second")
    again = await attach(catalog, sea, file)
    anns = await tell(catalog, [again.id])
    await catalog.collections.delete(sea, caller=ANN)
    await erase(catalog, file)
    assert (await turn_of(catalog, bens, BEN)).erased_at is not None
    assert (await turn_of(catalog, anns)).erased_at is not None


async def test_a_version_that_an_earlier_detaching_has_left_in_the_index_is_erased_too(catalog: Catalog):
    file, attachment = await ingested(catalog)
    kept, _ = await ingested(catalog, text="Tides follow the moon", filename="tides.txt")
    (retired,) = await catalog.attachments.detach(attachment.collection_id, file.id, caller=ANN)
    assert list((await catalog.erasures.begin(file.id, owner="ann")).versions) == [retired]
    assert list((await catalog.erasures.begin(file.id, owner="ann")).versions) == [retired]
    await erase(catalog, file)
    receipt = await catalog.erasures.receipt(file.id, owner="ann")
    assert (receipt.before.versions, receipt.after) == (1, ErasureCounts())
    assert await catalog.versions.abandoned() == ()
    assert await catalog.files.get(kept.id, owner="ann")


async def test_a_later_turn_that_repeats_an_erased_answer_goes_too_and_what_repeats_that(catalog: Catalog):
    file, attachment = await ingested(catalog)
    first = await tell(catalog, [attachment.id], shown=f"{SECRET} [1].")
    second = await tell(
        catalog,
        [],
        shown="It nests there because the boiler house is warm.",
        history=[("user", "Where?"), ("assistant", f" {SECRET.upper()}.")],
    )
    third = await tell(catalog, [], shown="Yes.", history=[("assistant", "It nests there because the boiler house is warm. [2]")])
    unrelated = await tell(catalog, [], history=[("assistant", "Something else altogether, and long enough.")])
    bens = await tell(catalog, [], owner="ben", history=[("assistant", f"{SECRET}.")])
    await erase(catalog, file)
    erased = [(await turn_of(catalog, turn_id)).erased_at is not None for turn_id in (first, second, third, unrelated)]
    assert erased == [True, True, True, False]
    assert (await turn_of(catalog, bens, BEN)).erased_at is None, "ben never got that answer: he wrote it himself"


async def test_what_a_run_asked_for_a_case_that_goes_loses_its_text_too_also_where_the_search_missed_the_file(catalog: Catalog):
    file, _ = await ingested(catalog)
    about = CaseDraft(key="about", labels={"question": "Does a kestrel nest here?", "gold": []}, documents=("birds.txt",))
    other = CaseDraft(key="other", labels={"question": "Who keeps the ledger?", "gold": []})
    run = await run_of(catalog, about, other)
    about_id, other_id = [case.id for case in await catalog.evaluation_sets.cases(run.set_id, caller=ANN)]
    missed = await tell(catalog, [], question="Does a kestrel nest here?", shown="Nobody knows.", run_id=run.id)
    cut_off = await tell(catalog, [], question="Does a kestrel nest here?", shown="Nobody knows.", run_id=run.id)
    stays = await tell(catalog, [], question="Who keeps the ledger?", query="ledger", shown="The clerk keeps it.", run_id=run.id)
    asked_by_a_person = await tell(catalog, [], question="Does a bird nest here?", query="bird nest", shown="Nobody knows.")
    await catalog.evaluation_runs.note_answer(run.id, about_id, turn_id=missed)
    await catalog.evaluation_runs.note_answer(run.id, other_id, turn_id=stays)
    await erase(catalog, file)
    found = [(await turn_of(catalog, turn_id)).erased_at is not None for turn_id in (missed, cut_off, stays, asked_by_a_person)]
    assert found == [True, True, False, False]
    assert (await catalog.erasures.receipt(file.id, owner="ann")).before.turns == 2


async def test_the_live_turn_of_a_case_that_goes_loses_its_text_and_with_it_every_case_that_repeats_it(catalog: Catalog):
    file, attachment = await ingested(catalog)
    live = await tell(catalog, [], shown="Nobody knows.")
    await add(catalog, *evaluation_case("case_1", attachment_id=attachment.id, turn_id=live), *evaluation_case("case_2", turn_id=live))
    await erase(catalog, file)
    assert (await turn_of(catalog, live)).erased_at is not None
    assert "kestrel" not in await everything(catalog)


async def test_dialogues_that_repeat_the_answer_to_a_case_that_goes_lose_their_text_and_so_do_the_cases_made_of_them(catalog: Catalog):
    file, attachment = await ingested(catalog)
    live = await tell(catalog, [], shown="Above the house that is warmed all winter.")
    dialogue = [("user", "Where does the kestrel nest?"), ("assistant", "Above the house that is warmed all winter.")]
    follow_up = await tell(catalog, [], history=dialogue, question="And why there?", shown="That is where the heat escapes.")
    asked_anew = await tell(catalog, [], question="And why there?", query="why", shown="Because heat escapes there all the time.")
    goes_on = await tell(catalog, [], history=[("assistant", "Because heat escapes there all the time.")], query="heat", shown="Yes.")
    unrelated = await tell(catalog, [], history=[("assistant", "Something else altogether, and long enough.")])
    answered = await run_of(catalog, CaseDraft(key="sampled", labels={"question": "And why there?"}, turn_id=follow_up), name="live")
    (sampled,) = await catalog.evaluation_sets.cases(answered.set_id, caller=ANN)
    await catalog.evaluation_runs.note_answer(answered.id, sampled.id, turn_id=asked_anew)
    await add(catalog, *evaluation_case("case_1", attachment_id=attachment.id, turn_id=live))
    await erase(catalog, file)
    turns = (live, follow_up, asked_anew, goes_on, unrelated)
    assert [(await turn_of(catalog, turn_id)).erased_at is not None for turn_id in turns] == [True, True, True, True, False]
    (sampled,) = await catalog.evaluation_sets.cases(answered.set_id, caller=ANN)
    assert sampled.tombstone
    receipt = await catalog.erasures.receipt(file.id, owner="ann")
    assert ((receipt.before.turns, receipt.before.cases), receipt.after) == ((4, 2), ErasureCounts())
    assert "warmed all winter" not in await everything(catalog)


async def test_what_repeats_the_answer_to_a_case_is_looked_for_before_the_exclusive_write(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
):
    file, attachment = await ingested(catalog)
    live = await tell(catalog, [], shown=f"{SECRET}.")
    repeating = [
        await tell(catalog, [], history=[("assistant", f"{SECRET}.")], shown=f"Number {n} of all that came since.") for n in range(3)
    ]
    await add(catalog, *evaluation_case("case_1", attachment_id=attachment.id, turn_id=live))
    erasure = await catalog.erasures.begin(file.id, owner="ann")
    find, compare = quotations.find_quotations, quotations.repeats
    in_write, compared = [False], list[bool]()

    async def find_in_write(*arguments: Any, **options: Any) -> Any:
        in_write[0] = True
        return await find(*arguments, **options)

    def counted(*arguments: Any, **options: Any) -> bool:
        compared.append(in_write[0])
        return compare(*arguments, **options)

    monkeypatch.setattr(erasures, "find_quotations", find_in_write)
    monkeypatch.setattr(quotations, "repeats", counted)
    assert await catalog.erasures.erase_text(erasure, n_points_left=0, remove_bytes=nothing)
    assert compared == [False, False, False]
    assert all([(await turn_of(catalog, turn_id)).erased_at is not None for turn_id in repeating])


async def test_an_answer_keeps_its_text_where_another_case_was_erased_however_its_question_is_written(catalog: Catalog):
    file, _ = await ingested(catalog)
    about = CaseDraft(key="about", labels={"question": "Where does the kestrel nest?"}, documents=("birds.txt",))
    run = await run_of(
        catalog, about, CaseDraft(key="other", labels={"question": "Who keeps\x00the ledger?", "gold": [{"quote": "\ud800"}]})
    )
    await erase(catalog, file)
    asked = [case.labels["question"] for case in await catalog.evaluation_sets.cases(run.set_id, caller=ANN) if not case.tombstone]
    assert asked == ["Who keeps\ufffdthe ledger?"]
    for question in (*asked, "Who keeps\x00the ledger?"):
        stays = await tell(catalog, [], question=question, shown="Nobody knows.", run_id=run.id)
        assert (await turn_of(catalog, stays)).erased_at is None


@pytest.mark.parametrize("same_question", [False, True])
async def test_an_answer_to_a_case_that_is_erased_while_it_is_asked_is_kept_without_text(catalog: Catalog, same_question: bool):
    file, _ = await ingested(catalog)
    about = CaseDraft(key="about", labels={"question": "Where does the kestrel nest?"}, documents=("birds.txt",))
    other = CaseDraft(key="other", labels={"question": "Where does the kestrel nest?" if same_question else "Who keeps the ledger?"})
    run = await run_of(catalog, about, other)
    about_id, other_id = [case.id for case in await catalog.evaluation_sets.cases(run.set_id, caller=ANN)]
    await erase(catalog, file)
    late = await tell(catalog, [], shown="Nobody knows.", run_id=run.id)
    assert ((await turn_of(catalog, late)).erased_at is not None) is not same_question, "as far as it can be seen from the question alone"
    await catalog.evaluation_runs.note_answer(run.id, about_id, turn_id=late)
    assert (await turn_of(catalog, late)).erased_at is not None
    question = "Where does the kestrel nest?" if same_question else "Who keeps the ledger?"
    stays = await tell(catalog, [], question=question, shown="Nobody knows.", run_id=run.id)
    await catalog.evaluation_runs.note_answer(run.id, other_id, turn_id=stays)
    assert (await turn_of(catalog, stays)).question == question


async def test_what_is_not_of_the_file_stays(catalog: Catalog):
    file, _ = await ingested(catalog)
    other, other_attachment = await ingested(catalog, text="Tides follow the moon", filename="tides.txt")
    turn_id = await tell(catalog, [other_attachment.id], shown="The moon [1].")
    rows = (*evaluation_case("case_2", attachment_id=other_attachment.id), *training_row("row_2", attachment_ids=[other_attachment.id]))
    await add(catalog, *rows)
    version = (await catalog.attachments.get(other_attachment.collection_id, other.id, caller=ANN)).live_version_id
    await erase(catalog, file)
    assert (await turn_of(catalog, turn_id)).shown == "The moon [1]."
    assert await catalog.versions.text_of(version) == "Tides follow the moon"
    assert len(await catalog.versions.chunks_of(version)) == 1
    async with catalog.database.read() as session:
        assert (await session.get_one(schema.EvaluationCase, "case_2")).labels == {"answer": "a kestrel"}
        assert (await session.get_one(schema.TrainingRow, "row_2")).target == "a kestrel"


async def test_a_near_duplicate_no_longer_points_to_an_erased_document(catalog: Catalog):
    file, _ = await ingested(catalog)
    await ingested(catalog, text=f"{SECRET}!", filename="copy.txt")
    async with catalog.database.write() as session:
        first, second = (await session.scalars(select(schema.Document).order_by(schema.Document.id))).all()
        second.near_duplicate_of_id = first.id
    await erase(catalog, file)
    async with catalog.database.read() as session:
        (left,) = (await session.scalars(select(schema.Document))).all()
    assert left.near_duplicate_of_id is None


# ------------------------------------------------------------------------------------------------------------------------- sharing


async def test_a_second_file_with_the_same_bytes_keeps_them_and_the_receipt_says_so(catalog: Catalog):
    first, second = await upload(catalog, text=SECRET), await upload(catalog, text=SECRET)
    sea = await collection(catalog)
    await attach(catalog, sea, first)
    await ingest(catalog, text=SECRET)
    twin = await attach(catalog, sea, second)
    assert await erase(catalog, first) == []
    receipt = await catalog.erasures.receipt(first.id, owner="ann")
    assert receipt.kept_for == (second.id,)
    assert receipt.after == ErasureCounts(documents=1, bytes=first.size_bytes)
    job, _ = await claim(catalog)
    assert job.attachment_id == twin.id, "the twin's chunks were the erased file's: it is read again"


async def test_a_receipt_does_not_tell_that_somebody_else_has_the_same_bytes(catalog: Catalog):
    file, _ = await ingested(catalog)
    await upload(catalog, BEN, text=SECRET)
    assert await erase(catalog, file) == []
    alone, _ = await ingested(catalog, text="The only copy")
    assert await erase(catalog, alone) == [alone.blob_sha256]
    shared = await catalog.erasures.receipt(file.id, owner="ann")
    unshared = await catalog.erasures.receipt(alone.id, owner="ann")
    assert shared.after == unshared.after == ErasureCounts()
    assert (shared.kept_for, unshared.kept_for) == ((), ())


# ---------------------------------------------------------------------------------------------------------- in the middle of things


async def test_a_worker_that_reads_the_file_can_store_nothing_of_it_any_more(catalog: Catalog):
    file = await upload(catalog, text=SECRET)
    await attach(catalog, await collection(catalog), file)
    job, lease = await claim(catalog)
    version = await build(catalog, job, lease, text=SECRET)
    erasure = await catalog.erasures.begin(file.id, owner="ann")
    assert list(erasure.at_work) == [version]
    assert await erase(catalog, file) == [file.blob_sha256]
    for late in (
        catalog.versions.store_document(document(SECRET), owner="ann", blob_sha256=file.blob_sha256, parser=PARSER, lease=lease),
        catalog.versions.store_chunks(version, [], lease=lease),
        catalog.versions.publish(version, n_points=1, lease=lease),
    ):
        with pytest.raises(LeaseLost):
            await late
    assert "kestrel" not in await everything(catalog)


async def test_a_turn_that_is_kept_after_the_erasure_is_kept_without_text(catalog: Catalog):
    file, attachment = await ingested(catalog)
    await erase(catalog, file)
    turn_id = await tell(catalog, [attachment.id])
    assert (await turn_of(catalog, turn_id)).erased_at is not None
    assert "kestrel" not in await everything(catalog)


LONG = "It nests there because the boiler house is warm."


async def test_a_dialogue_that_goes_on_after_the_erasure_is_kept_without_text(catalog: Catalog):
    file, attachment = await ingested(catalog)
    first = await tell(catalog, [attachment.id], shown=f"{SECRET} [1].\nIt returns each spring [2].")
    await erase(catalog, file)
    again = [("user", "Where?"), ("assistant", f"{SECRET}. It returns each spring.\n\n[1] birds.txt, page 4")]
    second = await tell(catalog, [], shown=LONG, history=again)
    third = await tell(catalog, [], shown="Yes.", history=[("assistant", f"{LONG} [1]")])
    assert [(await turn_of(catalog, turn_id)).erased_at is not None for turn_id in (first, second, third)] == [True] * 3
    left = await everything(catalog)
    assert "kestrel" not in left
    assert "boiler" not in left
    unrelated = await tell(catalog, [], history=[("assistant", "Something else altogether, and long enough.")])
    assert (await turn_of(catalog, unrelated)).erased_at is None
    bens = await tell(catalog, [], owner="ben", history=again)
    assert (await turn_of(catalog, bens, BEN)).erased_at is None, "ben never got that answer: he wrote it himself"


async def test_a_question_that_repeats_an_answer_goes_too_before_the_erasure_and_after(catalog: Catalog):
    file, attachment = await ingested(catalog)
    await tell(catalog, [attachment.id])
    question = f"Is that so?\n\n{SECRET} [1]."
    before = await tell(catalog, [], question=question, shown=LONG)
    other = await tell(catalog, [], question="Is something else altogether so?", shown="It is not, as far as anybody knows.")
    await erase(catalog, file)
    after = await tell(catalog, [], question=question, shown=LONG)
    bens = await tell(catalog, [], owner="ben", question=question, shown=LONG)
    found = [(await turn_of(catalog, turn_id)).erased_at is not None for turn_id in (before, other, after)]
    assert found == [True, False, True]
    assert (await turn_of(catalog, bens, BEN)).question == question, "ben never got that answer: he wrote it himself"


async def test_a_short_answer_is_recognised_after_the_erasure_in_its_conversation_alone(catalog: Catalog):
    file, attachment = await ingested(catalog)
    await tell(catalog, [attachment.id], shown="In the kestrel [1].", conversation="c")
    await tell(catalog, [], shown="You are welcome.", conversation="c")
    await erase(catalog, file)
    history = [("assistant", "In the kestrel.")]
    goes_on = await tell(catalog, [], history=history, conversation="c")
    elsewhere = await tell(catalog, [], history=history, conversation="d")
    asked = await tell(catalog, [], history=[("user", "Yes.")], conversation="c")
    found = [(await turn_of(catalog, turn_id)).erased_at is not None for turn_id in (goes_on, elsewhere, asked)]
    assert found == [True, False, False]


async def test_an_answer_that_a_kept_file_gave_too_may_be_repeated(catalog: Catalog):
    old, old_attachment = await ingested(catalog)
    _, newer_attachment = await ingested(catalog, text=f"{SECRET}. Still", filename="newer.txt")
    await tell(catalog, [old_attachment.id])
    newer = await tell(catalog, [newer_attachment.id])
    await erase(catalog, old)
    goes_on = await tell(catalog, [newer_attachment.id], history=[("assistant", f"{SECRET} [1].")])
    assert [(await turn_of(catalog, turn_id)).erased_at for turn_id in (newer, goes_on)] == [None, None]


async def test_a_turn_of_before_answers_had_hashes_is_recognised_too(catalog: Catalog):
    file, attachment = await ingested(catalog)
    await tell(catalog, [attachment.id])
    async with catalog.database.write() as session:
        await session.execute(update(schema.Turn).values(answer_hash=None))
    await erase(catalog, file)
    goes_on = await tell(catalog, [], history=[("assistant", f"{SECRET} [1].")])
    assert (await turn_of(catalog, goes_on)).erased_at is not None


async def test_a_turn_that_abstained_leaves_nothing_to_recognise(catalog: Catalog):
    file, attachment = await ingested(catalog)
    abstained = "The documents that are here hold no answer to that."
    await tell(catalog, [attachment.id], shown=abstained, abstained=True)
    await erase(catalog, file)
    goes_on = await tell(catalog, [], history=[("assistant", abstained)])
    assert (await turn_of(catalog, goes_on)).erased_at is None


async def test_the_exclusive_write_compares_only_what_has_come_since_the_look(catalog: Catalog, monkeypatch: pytest.MonkeyPatch):
    file, attachment = await ingested(catalog)
    await tell(catalog, [attachment.id])
    told_late = "The ledger of the tower says so in plain words."
    waits = await tell(catalog, [], history=[("assistant", told_late)])
    before = [await tell(catalog, [], history=[("assistant", f"{SECRET}.")]) for _ in range(3)]
    unrelated = [await tell(catalog, [], history=[("assistant", f"Number {n}, which is another thing.")]) for n in range(3)]
    erasure = await catalog.erasures.begin(file.id, owner="ann")
    write, compare = catalog.database.write, quotations.repeats
    in_write, compared, between = [False], list[bool](), list[str]()

    @asynccontextmanager
    async def write_after_others() -> AsyncIterator[Any]:
        with monkeypatch.context() as as_usual:
            as_usual.setattr(catalog.database, "write", write)
            between.append(await tell(catalog, [], history=[("assistant", f"{SECRET}.")]))
            between.append(await tell(catalog, [], history=[("assistant", "Nothing that anybody was told.")]))
        async with write() as session:
            in_write[0] = True
            yield session
            in_write[0] = False

    def counted(*arguments: Any, **options: Any) -> bool:
        compared.append(in_write[0])
        return compare(*arguments, **options)

    monkeypatch.setattr(catalog.database, "write", write_after_others)
    monkeypatch.setattr(quotations, "repeats", counted)
    assert await catalog.erasures.erase_text(erasure, n_points_left=0, remove_bytes=nothing)
    monkeypatch.undo()
    assert (compared.count(False), compared.count(True)) == (7, 2)
    found = [(await turn_of(catalog, turn_id)).erased_at is not None for turn_id in [*before, *between, *unrelated, waits]]
    assert found == [True, True, True, True, False, False, False, False, False]
    assert (await catalog.erasures.receipt(file.id, owner="ann")).before.turns == 5


async def test_an_answer_that_is_kept_after_the_look_is_looked_for_in_all_turns_since_it_was_asked(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
):
    file, attachment = await ingested(catalog)
    await tell(catalog, [attachment.id])
    asked_at = now()
    repeating = await tell(catalog, [], history=[("assistant", LONG)], shown="Because it is warm in the winter.")
    repeats_that = await tell(catalog, [], history=[("assistant", "Because it is warm in the winter.")])
    erasure = await catalog.erasures.begin(file.id, owner="ann")
    looked = quotations.look

    async def look_and_tell(*arguments: Any, **options: Any) -> Any:
        found = await looked(*arguments, **options)
        await tell(catalog, [attachment.id], shown=LONG, asked_at=asked_at)
        return found

    monkeypatch.setattr(erasures, "look", look_and_tell)
    assert await catalog.erasures.erase_text(erasure, n_points_left=0, remove_bytes=nothing)
    assert [(await turn_of(catalog, turn_id)).erased_at is not None for turn_id in (repeating, repeats_that)] == [True, True]
    assert "boiler" not in await everything(catalog)


async def test_an_erasure_that_was_cut_off_is_gone_on_with(catalog: Catalog):
    file, _ = await ingested(catalog)
    begun = await catalog.erasures.begin(file.id, owner="ann")
    assert [(each.file_id, each.state) for each in await catalog.erasures.unfinished()] == [(file.id, "begun")]
    again = await catalog.erasures.begin(file.id, owner="ann")
    assert again == begun, "nothing is counted twice"

    async def breaks(sha256: str) -> None:
        raise StorageUnavailable("The store is gone.")

    with pytest.raises(StorageUnavailable):
        await catalog.erasures.erase_text(again, n_points_left=0, remove_bytes=breaks)
    assert await catalog.files.get(file.id, owner="ann") == file, "record and bytes go together"
    assert await catalog.erasures.erase_text(again, n_points_left=0, remove_bytes=nothing)
    third = await catalog.erasures.begin(file.id, owner="ann")
    assert (third.receipt.id, third.receipt.state) == (begun.receipt.id, "erased")
    assert await catalog.erasures.erase_text(third, n_points_left=0, remove_bytes=nothing), "there is nothing more to do"
    done = await catalog.erasures.finish(third, purged=False)
    assert (done.before.versions, done.before.chunks, done.after) == (1, 1, ErasureCounts())
    assert await catalog.erasures.unfinished() == ()
    with pytest.raises(NotFound):
        await catalog.erasures.begin(file.id, owner="ann")


async def test_what_others_tidy_up_in_the_middle_was_there_before(catalog: Catalog):
    file, _ = await ingested(catalog)
    erasure = await catalog.erasures.begin(file.id, owner="ann")
    await catalog.versions.forget(await catalog.versions.abandoned())
    await catalog.erasures.note_points(erasure, 0)
    assert await catalog.erasures.erase_text(erasure, n_points_left=0, remove_bytes=nothing)
    receipt = await catalog.erasures.finish(erasure, purged=True)
    before = receipt.before
    assert (before.versions, before.points, before.chunks, before.documents, before.bytes) == (1, 1, 1, 1, file.size_bytes)
    assert receipt.after == ErasureCounts()


async def test_a_file_that_was_attached_again_meanwhile_is_detached_again(catalog: Catalog):
    file, _ = await ingested(catalog)
    erasure = await catalog.erasures.begin(file.id, owner="ann")
    await attach(catalog, await collection(catalog), file)
    assert not await catalog.erasures.erase_text(erasure, n_points_left=0, remove_bytes=nothing)
    assert await catalog.files.get(file.id, owner="ann") == file
    assert await erase(catalog, file) == [file.blob_sha256]
    assert (await catalog.erasures.receipt(file.id, owner="ann")).before.attachments == 2


# ------------------------------------------------------------------------------------------------------------- repeating an answer


@given(st.text(min_size=1), st.text(), st.text())
def test_an_answer_is_recognised_within_a_message(answer: str, before: str, after: str):
    told = said(conversation="c", shown=answer)
    long_enough = len(told.text) >= 20
    message = {"role": "assistant", "content": f"{before}\n{answer}\n{after}"}
    assert repeats([message], [told], conversation="other") or not long_enough
    assert repeats([{"role": "assistant", "content": answer}], [told], conversation="c") or not told.text


def test_a_short_answer_is_no_sign_in_another_dialogue():
    history = [{"role": "assistant", "content": "Yes."}]
    assert not repeats(history, [said(conversation="c", shown="Yes. [1]")], conversation="d")
    assert repeats(history, [said(conversation="c", shown="Yes. [1]")], conversation="c")


WORDS = st.text(min_size=1, max_size=60)


@given(WORDS, st.lists(WORDS, max_size=3), st.lists(WORDS, max_size=3))
def test_an_answer_is_recognised_by_its_hash_between_a_message_s_end_and_further_lines(answer: str, before: list[str], after: list[str]):
    told = answer_hash(owner="ann", conversation="c", shown=answer)
    long_enough = len(said(conversation="c", shown=answer).text) >= 20
    for lines in ([*before, answer], [answer, *after]):
        found = hashes_of([{"role": "assistant", "content": "\n".join(lines)}], owner="ann", conversation="other")
        assert told in found or not long_enough
    alone = hashes_of([{"role": "assistant", "content": answer}], owner="ann", conversation="c")
    assert alone == (set() if told is None else alone | {told})
    assert told not in hashes_of([{"role": "assistant", "content": answer}], owner="ben", conversation="c")


def test_a_short_answer_cannot_be_guessed_from_its_hash():
    hashes = {answer_hash(owner="ann", conversation="c", shown=shown) for shown in ("54,000 euros.", "No.")}
    assert len(hashes) == 1


async def nothing(sha256: str) -> None:
    """Stand for a blob store that has removed the bytes."""


def evaluation_case(name: str, *, attachment_id: str | None = None, turn_id: str | None = None) -> tuple[Any, ...]:
    made = now()
    evaluation_set = schema.EvaluationSet(
        id=f"set_{name}", owner="ann", principals=[], name=name, number=1, kind="golden", sha256="0" * 64, created_at=made
    )
    case = schema.EvaluationCase(
        id=name, set_id=evaluation_set.id, key=name, ordinal=0, labels={"answer": "a kestrel"}, tombstone=False, turn_id=turn_id
    )
    quoted = () if attachment_id is None else (schema.EvaluationCaseAttachment(case_id=name, attachment_id=attachment_id),)
    return (evaluation_set, case, *quoted)


def training_row(name: str, *, attachment_ids: list[str] | None = None, turn_id: str | None = None) -> tuple[Any, ...]:
    training_set = schema.TrainingSet(id=f"set_{name}", owner="ann", principals=[], sha256="0" * 64, card={}, created_at=now())
    row = schema.TrainingRow(
        id=name,
        set_id=training_set.id,
        turn_id=turn_id,
        attachment_ids=attachment_ids or [],
        rule="repair",
        prompt=[{"role": "user", "content": "Where does the kestrel nest?"}],
        target="a kestrel",
        rejected=None,
    )
    return (training_set, row)
