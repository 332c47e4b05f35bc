"""Nights: each comes once, also when clocks are put forward or back, and one that was slept through is made up for."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from evaluation.schedule import LONGEST_LATENESS, Schedule
from footnote.core.errors import InvalidSettings

NIGHTLY = Schedule.parse("30 2 * * *", "Europe/Berlin")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_moments_are_those_of_the_time_zone():
    assert NIGHTLY.next_after(at("2026-07-01T12:00")) == at("2026-07-02T00:30")
    assert NIGHTLY.next_after(at("2026-12-01T12:00")) == at("2026-12-02T01:30")
    assert NIGHTLY.last_until(at("2026-12-02T01:30")) == at("2026-12-02T01:30")
    assert NIGHTLY.last_until(at("2026-12-02T01:29")) == at("2026-12-01T01:30")


@pytest.mark.parametrize("year", [2025, 2026, 2027])
def test_every_night_of_a_year_comes_once(year: int):
    moment, nights = at(f"{year}-01-01T12:00"), list[datetime]()
    while (moment := NIGHTLY.next_after(moment)).year == year:
        nights.append(moment)
    assert len({night.astimezone(NIGHTLY.zone).date() for night in nights}) == len(nights) == 364
    assert all(timedelta(hours=22) <= later - night <= timedelta(hours=26) for night, later in pairwise(nights))


def test_a_run_is_due_once_for_each_moment():
    night = at("2026-07-02T00:30")
    assert NIGHTLY.due(last_run=None, now=night, since=LONG_AGO) == night
    assert NIGHTLY.due(last_run=night - timedelta(days=1), now=night + timedelta(hours=1), since=LONG_AGO) == night
    assert NIGHTLY.due(last_run=night, now=night + timedelta(hours=1), since=LONG_AGO) is None
    assert NIGHTLY.due(last_run=night, now=night + timedelta(days=1), since=LONG_AGO) == night + timedelta(days=1)


def test_a_night_that_was_slept_through_is_made_up_for_only_on_the_same_day():
    weekly = Schedule.parse("0 3 * * 0", "UTC")
    sunday = at("2026-07-05T03:00")
    assert weekly.due(last_run=None, now=sunday + LONGEST_LATENESS, since=LONG_AGO) == sunday
    assert weekly.due(last_run=None, now=sunday + LONGEST_LATENESS + timedelta(seconds=1), since=LONG_AGO) is None


def test_nothing_is_made_up_for_from_before_an_installation_began():
    night = at("2026-07-02T00:30")
    assert NIGHTLY.due(last_run=None, now=night + timedelta(hours=2), since=night + timedelta(hours=1)) is None


@pytest.mark.parametrize("cron", ["", "often", "61 2 * * *", "0 0 30 2 *", "30 2 * *"])
def test_what_is_no_time_is_refused_with_an_example(cron: str):
    with pytest.raises(InvalidSettings, match="no time that comes round") as caught:
        Schedule.parse(cron, "UTC")
    assert "30 2 * * *" in str(caught.value.hint)


@pytest.mark.parametrize("zone", ["Europe/Lenzow", "", "/etc/passwd", "../UTC"])
def test_what_is_no_time_zone_is_refused(zone: str):
    with pytest.raises(InvalidSettings, match="no time zone"):
        Schedule.parse("30 2 * * *", zone)
