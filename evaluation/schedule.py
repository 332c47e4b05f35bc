"""When the next nightly run is due: a cron expression in a time zone, and the moment of the last one."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from footnote.core.errors import InvalidSettings

LONGEST_LATENESS = timedelta(hours=20)
"""A night that was slept through, as the machine was off, is made up for within so long; after that the next one is waited for."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Moments that a cron expression names. Clocks that are put forward or back neither skip a night nor double one."""

    cron: str
    zone: ZoneInfo

    @classmethod
    def parse(cls, cron: str, time_zone: str) -> Self:
        """Return the schedule of an expression with five fields.

        Raises:
            InvalidSettings: the expression or the time zone cannot be understood, or the expression names no moment at all.
        """
        try:
            zone = ZoneInfo(time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise InvalidSettings(
                f"There is no time zone {time_zone!r}.", hint="Name one such as Europe/Berlin, or UTC.", param="evaluation.time_zone"
            ) from error
        try:
            next(CronSim(cron, datetime.now(zone)))
        except (CronSimError, StopIteration) as error:
            raise InvalidSettings(
                f"{cron!r} is no time that comes round.",
                hint='Give five fields: minute, hour, day, month, weekday. "30 2 * * *" is each night at half past two.',
                param="evaluation.schedule",
            ) from error
        return cls(cron=cron, zone=zone)

    def next_after(self, moment: datetime) -> datetime:
        """Return the first moment after another one, in UTC."""
        return next(CronSim(self.cron, moment.astimezone(self.zone))).astimezone(UTC)

    def last_until(self, moment: datetime) -> datetime:
        """Return the last moment that is not after another one, in UTC."""
        after = moment.astimezone(self.zone) + timedelta(seconds=1)
        return next(CronSim(self.cron, after, reverse=True)).astimezone(UTC)

    def due(self, *, last_run: datetime | None, now: datetime, since: datetime) -> datetime | None:
        """Return the moment that a run is due for, or None.

        Args:
            last_run: the moment that the last scheduled run was due for; None where there was none.
            now: the present.
            since: when this installation began: nothing is made up for from before it.
        """
        moment = self.last_until(now)
        if now - moment > LONGEST_LATENESS or moment < since:
            return None
        return moment if last_run is None or last_run < moment else None
