"""The nightly runs: which there are, and that each night begins each of them once. Doing them is the worker's.

A run asks as the owner of its set, with what everyone and this owner may read and nothing more: nobody is there at night whose groups could
be lent to it.
"""

import os
import re
import socket
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import cast

import structlog

from evaluation.live_sample import STRATA, Stratum
from evaluation.running import RunConfiguration
from evaluation.schedule import Schedule
from evaluation.sets import import_live_turns
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.collections import owner_principal
from footnote.core.catalog.evaluation_records import EvaluationSetRecord, SetKind
from footnote.core.catalog.moment import now as present
from footnote.core.errors import DependencyError, FootnoteError, NotFound
from footnote.core.settings import EvaluationSettings
from footnote.core.types import EVERYONE, Caller

OFF = "off"
LIVE, LIVE_BESIDE_A_WRITTEN_ONE = "live", "live-turns"
"""The name of the set that is sampled from what people asked; the second where its owner has written a set of the first name."""

LEASE = "nightly"
LEASE_S = 600.0
WRITTEN = (SetKind.GOLDEN, SetKind.GENERATED)

_ID_OF_AN_EVAL = re.compile("eval_[0-9a-f]{32}")
"""The name of a set of cases that runs of an eval have brought: nobody has asked to have these run each night, for ever."""

log = structlog.get_logger(__name__)


class Nightly:
    """Begins the runs of each night.

    Args:
        catalog: where sets, turns and runs are.
        settings: when, and which sets.
        now: the present moment.

    Raises:
        InvalidSettings: the schedule or its time zone cannot be understood.
    """

    def __init__(self, *, catalog: Catalog, settings: EvaluationSettings, now: Callable[[], datetime] = present) -> None:
        self._catalog = catalog
        self._schedule = schedule_of(settings)
        self._names = None if settings.sets is None else [_name_and_number(name) for name in settings.sets]
        self._sizes = cast("Mapping[Stratum, int]", {stratum: getattr(settings.live_sample, stratum) for stratum in STRATA})
        self._now = now
        self._holder = f"{socket.gethostname()[:32]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._next_look: datetime | None = None

    async def begin_due(self) -> None:
        """Begin what the schedule asks for by now, or go on with it; nothing where another process is at it.

        Cheap to call often. A schedule that begins today makes up for no night before it.

        Raises:
            CatalogUnavailable: the catalog cannot be used; called again it goes on where it stopped.
        """
        moment = self._now()
        if self._schedule is None or (self._next_look is not None and moment < self._next_look):
            return
        if await self._due(self._schedule, moment) is None:
            self._next_look = self._schedule.next_after(moment)
            return
        if not await self._catalog.leases.take(LEASE, holder=self._holder, ttl_s=LEASE_S):
            return
        try:
            due = await self._due(self._schedule, moment)  # somebody may have been through it just now
            if due is not None:
                await self._begin(*due)
        finally:
            await self._catalog.leases.let_go(LEASE, holder=self._holder)

    async def _due(self, schedule: Schedule, moment: datetime) -> tuple[datetime, datetime] | None:
        """Return the night that is due, and the one before it; None where none is."""
        last = await self._catalog.nights.last()
        if last is None:
            await self._catalog.nights.finish(moment)
            log.info("the schedule of evaluation begins", next_at=schedule.next_after(moment).isoformat())
            return None
        night = schedule.due(last_run=last.moment, now=moment, since=last.moment)
        return None if night is None else (night, last.moment)

    async def _begin(self, night: datetime, since: datetime) -> None:
        champion = await self._catalog.releases.champion()
        if champion is None:
            log.warning("no server has answered yet: nothing is evaluated")
            return
        n_begun = 0
        async with aclosing(self._sets(since, night)) as of_tonight:
            async for each in of_tonight:
                n_begun += await self._begin_one(night, each, release_id=champion.id)
        await self._catalog.nights.finish(night)
        log.info("the night's runs are begun" if n_begun else "nothing is to be evaluated tonight", night=night.isoformat(), n_runs=n_begun)

    async def _begin_one(self, night: datetime, of_set: EvaluationSetRecord, *, release_id: str) -> bool:
        caller = night_caller(of_set.owner)
        asks = RunConfiguration(principals=tuple(sorted(caller.principals)), scheduled_for=night.isoformat())
        try:
            run_id = await self._catalog.nights.begin_run(
                night,
                set_id=of_set.id,
                set_name=of_set.name,
                release_id=release_id,
                configuration=asks.as_json(),
                caller=caller,
            )
        except NotFound as error:  # it went meanwhile
            log.warning("a set is not run tonight", set_id=of_set.id, error=str(error))
            return False
        return run_id is not None

    # ---------------------------------------------------------------------------------------------------------------------- sets

    async def _sets(self, since: datetime, until: datetime) -> AsyncGenerator[EvaluationSetRecord]:
        """Yield what is run tonight: sets with something to ask, then what each owner has asked."""
        newest = await self._catalog.evaluation_sets.newest_of_each()
        for of_set in await self._chosen(newest):
            if of_set.n_cases > of_set.n_tombstones:
                yield of_set
        if not any(self._sizes.values()):
            return
        for owner in await self._catalog.live_turns.owners(since, until):
            sampled = await self._live(owner, newest, since=since, until=until)
            if sampled is not None:
                yield sampled

    async def _chosen(self, newest: Sequence[EvaluationSetRecord]) -> Sequence[EvaluationSetRecord]:
        if self._names is None:
            return [of_set for of_set in newest if of_set.kind in WRITTEN and not _ID_OF_AN_EVAL.fullmatch(of_set.name)]
        chosen: dict[str, EvaluationSetRecord] = {}
        for name, number in self._names:
            named = [of_set for of_set in newest if of_set.name == name]
            found = named if number is None else [version for each in named if (version := await self._version(each, number)) is not None]
            if not found:
                log.warning("there is no such set to run tonight", set=name, number=number)
            chosen |= {of_set.id: of_set for of_set in found}
        return list(chosen.values())

    async def _version(self, newest: EvaluationSetRecord, number: int) -> EvaluationSetRecord | None:
        try:
            found = await self._catalog.evaluation_sets.find(newest.name, number=number, caller=night_caller(newest.owner))
        except NotFound:
            return None
        return found if found.owner == newest.owner else None

    async def _live(
        self, owner: str, newest: Sequence[EvaluationSetRecord], *, since: datetime, until: datetime
    ) -> EvaluationSetRecord | None:
        """Return the sample of what an owner asked; the same window gives the same sample, however often it is drawn."""
        is_taken = any(of_set.owner == owner and of_set.name == LIVE and of_set.kind != SetKind.LIVE for of_set in newest)
        try:
            sampled = await import_live_turns(
                self._catalog,
                name=LIVE_BESIDE_A_WRITTEN_ONE if is_taken else LIVE,
                since=since,
                until=until,
                sizes=self._sizes,
                seed=int(until.timestamp()),
                caller=night_caller(owner),
            )
        except DependencyError:
            raise
        except FootnoteError as error:  # one owner's turns must not stand in the way of the others'
            log.warning("what somebody asked is not run tonight", owner=owner, error=str(error))
            return None
        return None if sampled is None or sampled.set.n_cases == sampled.set.n_tombstones else sampled.set


def schedule_of(settings: EvaluationSettings) -> Schedule | None:
    """Return when runs begin by themselves; None where they do not.

    Raises:
        InvalidSettings: the schedule or its time zone cannot be understood.
    """
    cron = settings.schedule.strip()
    return None if cron in ("", OFF) else Schedule.parse(cron, settings.time_zone)


def night_caller(owner: str) -> Caller:
    """Return who asks at night for an owner: with what everyone and this owner may read."""
    return Caller(owner=owner, principals=frozenset({EVERYONE, owner_principal(owner)}))


def _name_and_number(name: str) -> tuple[str, int | None]:
    name, _, number = name.partition("@")
    return name, int(number) if number.isdecimal() else None
