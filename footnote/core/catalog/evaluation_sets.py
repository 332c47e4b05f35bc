"""Evaluation sets: versions of a set of cases, named by their owner and hashed, so that a figure says what it was measured on."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, delete, func, insert, select
from sqlalchemy import case as sql_case
from sqlalchemy.ext.asyncio import AsyncSession

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.evaluation_access import principals_of, readable, readable_row
from footnote.core.catalog.evaluation_deleting import delete_runs, n_cases
from footnote.core.catalog.evaluation_records import CaseDraft, CaseRecord, DeletedEvaluation, EvaluationSetRecord, ImportedSet, SetKind
from footnote.core.catalog.moment import now
from footnote.core.catalog.paging import Page, Paging, page_of
from footnote.core.catalog.readers import readable_by
from footnote.core.catalog.storable_text import storable, storable_json
from footnote.core.errors import InvalidInput, NotFound
from footnote.core.ids import new_id
from footnote.core.types import Caller

MAX_CASES = 20_000
MAX_NAME_CHARS = 100
IDS_PER_STATEMENT = 500


class EvaluationSets:
    """Reads and writes sets. One that the caller may not read is not found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def import_cases(
        self, cases: Sequence[CaseDraft], *, name: str, kind: SetKind, caller: Caller, principals: Iterable[str] | None = None
    ) -> ImportedSet:
        """Make a new version of the caller's set of this name; where the newest one holds the very same cases, return that.

        The documents that cases name are resolved to the newest attachment of that name that the caller may read, so that erasing its file
        makes tombstones of them. Importing the same cases again resolves what has come since.

        Args:
            cases: in the order in which they are asked; of a live case whose turn was erased a tombstone is made.
            name: of the set, without ``@``.
            kind: where the cases come from.
            caller: the owner.
            principals: who may read it beside the owner; None leaves that as it is, at first nobody: a new version is shared as the one
                before. The first version with people's turns after one without them is the owner's alone until somebody says otherwise.

        Raises:
            InvalidInput: the name cannot be used, or there are no cases, too many, or two of the same key.
            NotFound: a live case's turn is not there, or somebody else's.
        """
        require_name(name)
        _require_cases(cases)
        cases = [replace(case, labels=storable_json(case.labels)) for case in cases]
        async with self._database.write() as session:
            drafts = await _with_gone_attachments(session, await _with_erased_turns(session, cases, caller), caller)
            attachments = await _attachments_named(session, {name for draft in drafts for name in draft.documents}, caller)
            content_sha256 = sha256_of(drafts)
            row = await _newest(session, name, caller.owner)
            is_new = row is None or not await _holds(session, row, drafts, kind=kind, sha256=content_sha256)
            if row is None or is_new:
                row = await _insert(session, drafts, name=name, kind=kind, caller=caller, before=row)
            if principals is not None:
                row.principals = principals_of(caller.owner, principals)
            await _link(session, row.id, drafts, attachments)
            unresolved = {name for draft in drafts for name in draft.documents} - set(attachments)
            (record,) = await _records(session, [row])
        return ImportedSet(
            set=record,
            is_new=is_new,
            unresolved=tuple(sorted(unresolved)),
            n_unresolved_cases=sum(bool(unresolved & set(draft.documents)) for draft in drafts),
        )

    async def get(self, set_id: str, *, caller: Caller) -> EvaluationSetRecord:
        """Return a version of a set.

        Raises:
            NotFound: there is none, or the caller may not read it.
        """
        async with self._database.read() as session:
            row = await readable_row(session, schema.EvaluationSet, set_id, caller=caller, what="evaluation set", param="set_id")
            (record,) = await _records(session, [row])
        return record

    async def find(self, name: str, *, caller: Caller, number: int | None = None) -> EvaluationSetRecord:
        """Return a version of the set of this name, the newest where no number is given. The caller's own set comes before others'.

        Raises:
            NotFound: there is none that the caller may read.
        """
        row = schema.EvaluationSet
        query = select(row).where(row.name == storable(name))
        if number is not None:
            query = query.where(row.number == number)
        is_own = sql_case((row.owner == caller.owner, 1), else_=0)
        query = query.order_by(is_own.desc(), row.number.desc(), row.id.desc()).limit(1)
        async with self._database.read() as session:
            found = (await session.scalars(query.where(readable(session, row, caller)))).first()
            if found is None:
                which = name if number is None else f"{name}@{number}"
                raise NotFound(f"There is no evaluation set {which}.", hint="`footnote sets list` shows those there are.", param="name")
            (record,) = await _records(session, [found])
        return record

    async def list(self, *, caller: Caller, paging: Paging, name: str | None = None) -> Page[EvaluationSetRecord]:
        """Return a page of the versions that the caller may read, of one name or of all."""
        row = schema.EvaluationSet
        async with self._database.read() as session:
            query = select(row).where(readable(session, row, caller))
            if name is not None:
                query = query.where(row.name == storable(name))
            page = await page_of(session, query, row, paging, lambda found: found)
            return Page(items=tuple(await _records(session, page.items)), has_more=page.has_more)

    async def newest_of_each(self) -> tuple[EvaluationSetRecord, ...]:
        """Return the newest version of each owner's set of each name, for the process that runs them; by owner and name."""
        row = schema.EvaluationSet
        newest = select(row.owner, row.name, func.max(row.number).label("number")).group_by(row.owner, row.name).subquery()
        same = (row.owner == newest.c.owner) & (row.name == newest.c.name) & (row.number == newest.c.number)
        async with self._database.read() as session:
            rows = (await session.scalars(select(row).join(newest, same).order_by(row.owner, row.name))).all()
            return tuple(await _records(session, rows))

    async def cases(self, set_id: str, *, caller: Caller, of: Sequence[str] | None = None) -> tuple[CaseRecord, ...]:
        """Return all cases of a set in their order, tombstones among them; or those ``of`` these ids, a page of them.

        Raises:
            NotFound: there is no such set, or the caller may not read it.
        """
        case = schema.EvaluationCase
        query = select(case).where(case.set_id == set_id)
        query = query if of is None else query.where(case.id.in_(of))
        async with self._database.read() as session:
            await _readable_set(session, set_id, caller)
            return await _cases(session, query.order_by(case.ordinal, case.id))

    async def cases_page(self, set_id: str, *, caller: Caller, limit: int, after: str | None = None) -> Page[CaseRecord]:
        """Return the page of cases after the one with this id, in their order; the first page where the set has no such case.

        Raises:
            NotFound: there is no such set, or the caller may not read it.
        """
        case = schema.EvaluationCase
        query = select(case).where(case.set_id == set_id).order_by(case.ordinal, case.id).limit(limit + 1)
        async with self._database.read() as session:
            await _readable_set(session, set_id, caller)
            if after is not None:
                place = await session.scalar(select(case.ordinal).where(case.set_id == set_id, case.id == after))
                query = query if place is None else query.where(case.ordinal > place)
            found = await _cases(session, query)
        return Page(items=found[:limit], has_more=len(found) > limit)

    async def delete(self, wanted: str, *, caller: Caller) -> DeletedEvaluation:
        """Delete a set with its cases and all runs over it, whoever began them: answers, scores, reports and the turns that they asked.

        Args:
            wanted: a version's id or ``NAME@NUMBER``; ``NAME`` for all versions. Names are those of the caller's own sets.
            caller: the owner; or the operator, who names somebody else's by id.

        Raises:
            NotFound: there is none, or it is somebody else's and the caller is not the operator.
            Conflict: a run over it is under way.
        """
        row = schema.EvaluationSet
        async with self._database.write() as session:
            ids = await _own_versions(session, wanted, caller)
            if not ids:
                raise NotFound(f"You have no evaluation set {wanted}.", hint="`footnote sets list` shows those there are.", param="set_id")
            gone = await delete_runs(session, schema.EvaluationRun.set_id.in_(ids), param="set_id")
            gone = replace(gone, sets=len(ids), cases=await n_cases(session, ids))
            await session.execute(delete(row).where(row.id.in_(ids)))
        return gone

    async def is_erased(self, case_id: str) -> bool:
        """Whether a case has lost its text, or is gone, for the process that asks it."""
        case = schema.EvaluationCase
        async with self._database.read() as session:
            return await session.scalar(select(case.tombstone).where(case.id == case_id)) is not False


def sha256_of(cases: Sequence[CaseDraft]) -> str:
    """Return the hash of the cases' canonical JSON: sorted by key, sorted fields, no spaces, ASCII. Their order does not matter."""
    content = [{"id": case.key, "tombstone": True} if case.tombstone else {**case.labels, "id": case.key} for case in cases]
    content.sort(key=lambda fields: fields["id"])
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


# ------------------------------------------------------------------------------------------------------------- the steps of an import


def require_name(name: str) -> None:
    """Refuse what cannot be a set's name.

    Raises:
        InvalidInput: it is empty or too long, or has an ``@`` or outer spaces.
    """
    if not name.strip() or name != name.strip() or "@" in name or len(name) > MAX_NAME_CHARS:
        raise InvalidInput(
            "The set's name cannot be used.", hint=f"Give 1 to {MAX_NAME_CHARS} characters without `@` and outer spaces.", param="name"
        )


def _require_cases(cases: Sequence[CaseDraft]) -> None:
    if not 0 < len(cases) <= MAX_CASES:
        raise InvalidInput(f"A set has 1 to {MAX_CASES:,} cases; these are {len(cases):,}.", param="cases")
    key, times = Counter(storable(case.key) for case in cases).most_common(1)[0]
    if times > 1:
        raise InvalidInput(f"Two cases have the id {key!r}.", hint="Give each case an id of its own.", param="cases")


async def _with_erased_turns(session: AsyncSession, cases: Sequence[CaseDraft], caller: Caller) -> list[CaseDraft]:
    """Return the cases, with a tombstone in the place of each whose turn has lost its text."""
    wanted = sorted({case.turn_id for case in cases if case.turn_id is not None and not case.tombstone})
    turns: dict[str, Any] = {}
    for some in _parts(wanted):
        query = select(schema.Turn.id, schema.Turn.owner, schema.Turn.erased_at).where(schema.Turn.id.in_(some))
        turns.update({turn.id: turn for turn in await session.execute(query)})
    for turn_id in wanted:
        if turn_id not in turns or not (caller.is_operator or turns[turn_id].owner == caller.owner):
            raise NotFound(
                f"There is no turn {turn_id}.", hint="A case without `turn_id` is asked anew instead of scored as it was.", param="turn_id"
            )
    erased = {turn_id for turn_id, turn in turns.items() if turn.erased_at is not None}
    return [replace(case, labels={}, documents=(), tombstone=True) if case.tombstone or case.turn_id in erased else case for case in cases]


async def _with_gone_attachments(session: AsyncSession, cases: Sequence[CaseDraft], caller: Caller) -> list[CaseDraft]:
    """Return the cases, with a tombstone in the place of each that holds text of an attachment that is gone or may not be read any more."""
    wanted = sorted({attachment_id for case in cases if not case.tombstone for attachment_id in case.attachment_ids})
    attachment = schema.Attachment
    there: set[str] = set()
    for some in _parts(wanted):
        query = select(attachment.id).where(attachment.id.in_(some), readable_by(session, caller)).with_for_update()
        there.update(await session.scalars(query))
    gone = set(wanted) - there
    return [
        replace(case, labels={}, documents=(), attachment_ids=(), tombstone=True) if gone & set(case.attachment_ids) else case
        for case in cases
    ]


async def _attachments_named(session: AsyncSession, names: set[str], caller: Caller) -> dict[str, str]:
    """Return for each name the newest attachment of such a file that the caller may read; ids sort by creation."""
    attachment, file, principal = schema.Attachment, schema.File, schema.CollectionPrincipal
    collections = select(principal.collection_id).where(principal.principal.in_(sorted(caller.principals)))
    found: dict[str, str] = {}
    for some in _parts(sorted(names)):
        query = (
            select(file.filename, func.max(attachment.id).label("attachment_id"))
            .join(attachment, attachment.file_id == file.id)
            .where(file.filename.in_(some), attachment.collection_id.in_(collections), readable_by(session, caller))
            .group_by(file.filename)
        )
        found.update({row.filename: row.attachment_id for row in await session.execute(query)})
    return found


async def _newest(session: AsyncSession, name: str, owner: str) -> schema.EvaluationSet | None:
    row = schema.EvaluationSet
    query = select(row).where(row.owner == owner, row.name == storable(name)).order_by(row.number.desc()).limit(1)
    return (await session.scalars(query.with_for_update())).first()


async def _holds(session: AsyncSession, row: schema.EvaluationSet, drafts: Sequence[CaseDraft], *, kind: SetKind, sha256: str) -> bool:
    """Whether a set holds these very cases still: what was erased of it since is not there any more."""
    if (row.sha256, row.kind) != (sha256, kind):
        return False
    (record,) = await _records(session, [row])
    return record.n_tombstones == sum(draft.tombstone for draft in drafts)


async def _insert(
    session: AsyncSession, drafts: Sequence[CaseDraft], *, name: str, kind: SetKind, caller: Caller, before: schema.EvaluationSet | None
) -> schema.EvaluationSet:
    shared_with = before.principals if before is not None and (kind != SetKind.LIVE or before.kind == SetKind.LIVE) else ()
    row = schema.EvaluationSet(
        id=new_id("set"),
        owner=caller.owner,
        principals=principals_of(caller.owner, shared_with),
        name=name,
        number=1 if before is None else before.number + 1,
        kind=kind,
        sha256=sha256_of(drafts),
        created_at=now(),
    )
    session.add(row)
    await session.flush()
    session.add_all(
        schema.EvaluationCase(
            id=new_id("case"),
            set_id=row.id,
            key=draft.key,
            ordinal=ordinal,
            turn_id=draft.turn_id,
            labels=dict(draft.labels),
            tombstone=draft.tombstone,
        )
        for ordinal, draft in enumerate(drafts)
    )
    await session.flush()
    return row


async def _link(session: AsyncSession, set_id: str, drafts: Sequence[CaseDraft], attachments: Mapping[str, str]) -> None:
    """Note which attachments the cases quote; what was noted before stays noted."""
    case, link = schema.EvaluationCase, schema.EvaluationCaseAttachment
    ids = {row.key: row.id for row in await session.execute(select(case.id, case.key).where(case.set_id == set_id))}
    linked = select(link.case_id, link.attachment_id).join(case, case.id == link.case_id).where(case.set_id == set_id)
    known = {(row.case_id, row.attachment_id) for row in await session.execute(linked)}
    wanted = {
        (ids[storable(draft.key)], attachment_id)
        for draft in drafts
        if not draft.tombstone
        for attachment_id in (*draft.attachment_ids, *(attachments[name] for name in draft.documents if name in attachments))
    }
    rows = [{"case_id": case_id, "attachment_id": attachment_id} for case_id, attachment_id in sorted(wanted - known)]
    if rows:
        await session.execute(insert(link), rows)


async def _own_versions(session: AsyncSession, wanted: str, caller: Caller) -> list[str]:
    """Return the ids of the versions that somebody means who wants to write them; none where there are none, or somebody else's."""
    row = schema.EvaluationSet
    by_id = await session.get(row, storable(wanted), with_for_update=True)
    if by_id is not None and (by_id.owner == caller.owner or caller.is_operator):
        return [by_id.id]
    name, at, number = wanted.rpartition("@")
    query = select(row.id).where(row.owner == caller.owner, row.name == storable(name if at else wanted))
    if at:
        if not (number.isdecimal() and len(number) < 10):
            return []
        query = query.where(row.number == int(number))
    return list(await session.scalars(query.order_by(row.number).with_for_update()))


# ------------------------------------------------------------------------------------------------------------------------------- rows


async def _records(session: AsyncSession, rows: Sequence[schema.EvaluationSet]) -> list[EvaluationSetRecord]:
    case = schema.EvaluationCase
    tombstones = func.sum(sql_case((case.tombstone, 1), else_=0))
    query = select(case.set_id, func.count().label("n"), tombstones.label("n_tombstones"))
    query = query.where(case.set_id.in_([row.id for row in rows])).group_by(case.set_id)
    counts = {row.set_id: (row.n, int(row.n_tombstones)) for row in await session.execute(query)}
    return [_record(row, *counts.get(row.id, (0, 0))) for row in rows]


def _record(row: schema.EvaluationSet, n_cases: int, n_tombstones: int) -> EvaluationSetRecord:
    return EvaluationSetRecord(
        id=row.id,
        owner=row.owner,
        principals=frozenset(row.principals),
        name=row.name,
        number=row.number,
        kind=SetKind(row.kind),
        sha256=row.sha256,
        created_at=row.created_at,
        n_cases=n_cases,
        n_tombstones=n_tombstones,
    )


async def _readable_set(session: AsyncSession, set_id: str, caller: Caller) -> None:
    await readable_row(session, schema.EvaluationSet, set_id, caller=caller, what="evaluation set", param="set_id")


async def _cases(session: AsyncSession, query: Select[Any]) -> tuple[CaseRecord, ...]:
    """Return the cases that a query chooses, in its order, each with its attachments sorted."""
    link = schema.EvaluationCaseAttachment
    rows: Sequence[schema.EvaluationCase] = (await session.scalars(query)).all()
    chosen = query.with_only_columns(schema.EvaluationCase.id)
    linked = select(link.case_id, link.attachment_id).where(link.case_id.in_(chosen)).order_by(link.attachment_id)
    attachments: dict[str, list[str]] = {}
    for each in await session.execute(linked):
        attachments.setdefault(each.case_id, []).append(each.attachment_id)
    return tuple(_case(row, tuple(attachments.get(row.id, ()))) for row in rows)


def _case(row: schema.EvaluationCase, attachment_ids: tuple[str, ...]) -> CaseRecord:
    return CaseRecord(
        id=row.id,
        set_id=row.set_id,
        key=row.key,
        ordinal=row.ordinal,
        labels=row.labels,
        turn_id=row.turn_id,
        tombstone=row.tombstone,
        attachment_ids=attachment_ids,
    )


def _parts(items: Sequence[str]) -> list[Sequence[str]]:
    return [items[first : first + IDS_PER_STATEMENT] for first in range(0, len(items), IDS_PER_STATEMENT)]
