"""The alert about live support: one for each fall that is no noise, whoever looks and however often."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from evaluation.alerts import LIVE_SUPPORT, LiveSupport, SupportWatch, decide, support_of
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import TurnSupport
from footnote.core.settings import EvaluationSettings
from footnote.core.telemetry.metrics import Metrics
from tests.core.catalog.evaluation_story import asked

MORNING = datetime(2026, 7, 1, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Clock:
    def __init__(self, at: datetime = MORNING) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


class Watched:
    """A watch whose clock is turned by hand, and how often it woke whoever sends."""

    def __init__(self, catalog: Catalog, clock: Clock, **settings) -> None:
        self.n_woken = 0
        self.metrics = Metrics()
        self.watch = SupportWatch(
            catalog=catalog,
            settings=EvaluationSettings(**settings),
            metrics=self.metrics,
            channels=("webhook",),
            wake_sending=self._wake,
            now=clock,
        )

    def _wake(self) -> None:
        self.n_woken += 1

    def gauge(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


async def an_hour(catalog: Catalog, at: datetime, *, support: float, chance: random.Random, n: int = 4) -> None:
    """Keep turns of one hour, of three claims each."""
    for _ in range(n):
        await asked(catalog, at=at, verdicts="".join("s" if chance.random() < support else "u" for _ in range(3)))


async def n_messages(catalog: Catalog) -> int:
    return len(await catalog.deliveries.due(datetime(2030, 1, 1, tzinfo=UTC), limit=1000))


async def test_a_fall_raises_one_alert_and_another_one_after_it_recovered(catalog: Catalog):
    clock, chance = Clock(), random.Random(5)
    watched = Watched(catalog, clock)
    messages: list[int] = []
    days = [*[0.8] * 6, *[0.1] * 24, *[0.9] * 30, *[0.1] * 30]  # hours: well, a fall, recovered, a fall again
    for support in days:
        await an_hour(catalog, clock.at, support=support, chance=chance)
        clock.at += HOUR
        for _ in range(3):  # it is looked at more often than something happens
            await watched.watch.check()
        messages.append(await n_messages(catalog))
    assert messages[5] == 0
    assert messages[29] == messages[59] == 1
    assert messages[-1] == watched.n_woken == 2
    assert watched.gauge("footnote_alert_raised", alert=LIVE_SUPPORT) == 1
    assert (watched.gauge("footnote_live_support") or 1) < 0.4


async def test_a_recovered_alert_is_cleared(catalog: Catalog):
    clock, chance = Clock(), random.Random(5)
    watched = Watched(catalog, clock)
    await an_hour(catalog, clock.at, support=0.0, chance=chance, n=20)
    clock.at += HOUR
    await watched.watch.check()
    assert watched.gauge("footnote_alert_raised", alert=LIVE_SUPPORT) == 1
    clock.at += 24 * HOUR
    await an_hour(catalog, clock.at - HOUR, support=1.0, chance=chance, n=20)
    await watched.watch.check()
    assert watched.gauge("footnote_alert_raised", alert=LIVE_SUPPORT) == 0
    assert watched.gauge("footnote_live_support") == 1.0


async def test_two_processes_raise_one_alert(catalog: Catalog, catalog_url: str):
    clock, other = Clock(), Catalog(catalog_url)
    await an_hour(catalog, clock.at, support=0.0, chance=random.Random(1), n=20)
    clock.at += HOUR
    both = [Watched(each, clock) for each in (catalog, other)]
    await asyncio.gather(*(each.watch.check() for each in both))
    await other.close()
    assert await n_messages(catalog) == sum(each.n_woken for each in both) == 1
    assert [each.gauge("footnote_alert_raised", alert=LIVE_SUPPORT) for each in both] == [1, 1]


async def test_noise_and_few_answers_raise_none(catalog: Catalog):
    clock, chance = Clock(), random.Random(11)
    watched = Watched(catalog, clock)
    for _ in range(24):
        await an_hour(catalog, clock.at, support=0.55, chance=chance)
        clock.at += HOUR
        await watched.watch.check()
    assert await n_messages(catalog) == 0


async def test_a_threshold_of_zero_raises_none_and_clears_what_stands(catalog: Catalog):
    clock = Clock()
    await an_hour(catalog, clock.at, support=0.0, chance=random.Random(1), n=20)
    clock.at += HOUR
    await Watched(catalog, clock).watch.check()
    assert await catalog.alerts.standing()
    off = Watched(catalog, clock, alert_support=0.0)
    await off.watch.check()
    assert not await catalog.alerts.standing()
    assert off.gauge("footnote_alert_raised", alert=LIVE_SUPPORT) == 0


def test_the_interval_is_wilsons_where_each_draft_has_one_claim():
    # 8 of 10 and z = 3: middle (0.8 + 0.45) / 1.9, half 3 / 1.9 * sqrt(0.016 + 0.0225)
    support = support_of([TurnSupport(1, 1)] * 8 + [TurnSupport(1, 0)] * 2)
    assert support is not None
    assert (support.share, support.n_claims, support.n_turns) == (0.8, 10, 10)
    assert (support.low, support.high) == pytest.approx((0.34808, 0.96771), abs=2e-5)


def test_claims_that_stand_and_fall_together_are_worth_fewer():
    apart = support_of([TurnSupport(1, n % 2) for n in range(100)])
    together = support_of([TurnSupport(10, 10 * (n % 2)) for n in range(10)])
    assert apart is not None
    assert together is not None
    assert together.share == apart.share == 0.5
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_what_is_decided_between_threshold_and_interval():
    def decided(share: float, high: float, n_claims: int = 100, n_turns: int = 50, threshold: float = 0.5) -> str:
        support = LiveSupport(share, 0.0, high, n_claims=n_claims, n_turns=n_turns)
        return decide(support, threshold=threshold, min_claims=30)

    assert decided(0.3, 0.49) == "raise"
    assert decided(0.4, 0.55) == "leave"
    assert decided(0.5, 0.65) == "clear"
    assert decided(0.1, 0.2, n_claims=29) == decided(0.1, 0.2, n_turns=9) == "leave"
    assert decided(0.1, 0.2, threshold=0.0) == "clear"
    assert decide(None, threshold=0.5, min_claims=30) == "leave"
