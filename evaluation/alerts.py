"""The alert about live support: whether what people got today rests on passages, by more than chance, and told once.

Raised when the whole interval of the share of supported claims lies below the threshold; cleared when the share itself is back at it.
Between the two it stays as it is, so that a share which wavers about the threshold neither raises an alert with each wave nor clears one.
"""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal

import structlog

from evaluation.repeating import Repeating
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evaluation_records import TurnSupport
from footnote.core.catalog.moment import now as present
from footnote.core.settings import EvaluationSettings
from footnote.core.telemetry.metrics import Metrics

LIVE_SUPPORT = "live_support"
WINDOW = timedelta(hours=24)
"""What is looked at, and for how long after an alert was raised nobody is told of another."""

CHECK_S = 300.0
MIN_TURNS = 10
"""One long answer is not a day."""

Z = 3.0
"""Standard deviations of the interval. It is looked at 288 times a day: with the usual 1.96 chance would raise an alert in the end."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LiveSupport:
    """The share of judged claims that rest on passages, with its interval."""

    share: float
    low: float
    high: float
    n_claims: int
    n_turns: int


def support_of(turns: Sequence[TurnSupport]) -> LiveSupport | None:
    """Return the support of drafts; None where there are none.

    Score interval (Wilson 1927) of ``Z`` standard deviations, over an effective number of claims: those of one draft stand and fall
    together, so they are worth less than as many of different drafts (design effect of a ratio over clusters, Kish 1965, never below 1).
    """
    n_claims = sum(turn.n_claims for turn in turns)
    if not n_claims:
        return None
    share = sum(turn.n_supported for turn in turns) / n_claims
    n = n_claims / _design_effect(turns, share, n_claims)
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return LiveSupport(share, max(0.0, middle - half), min(1.0, middle + half), n_claims=n_claims, n_turns=len(turns))


def _design_effect(turns: Sequence[TurnSupport], share: float, n_claims: int) -> float:
    of_claims = share * (1 - share) / n_claims
    if not of_claims:
        return 1.0
    squares = math.fsum((turn.n_supported - share * turn.n_claims) ** 2 for turn in turns)
    return max(1.0, squares / n_claims**2 / of_claims)


def decide(support: LiveSupport | None, *, threshold: float, min_claims: int) -> Literal["raise", "clear", "leave"]:
    """Return what is to be done about the alert."""
    if threshold <= 0:
        return "clear"
    if support is None or support.n_claims < min_claims or support.n_turns < MIN_TURNS:
        return "leave"
    if support.high < threshold:
        return "raise"
    return "clear" if support.share >= threshold else "leave"


class SupportWatch:
    """Looks at live support every few minutes, for as long as it is started.

    Any number of processes may: they look at the same turns, and the catalog holds one alert at a time.

    Args:
        catalog: where turns and alerts are.
        settings: the threshold.
        metrics: shows support and alert.
        channels: the names of those that are owed a message.
        wake_sending: says that something is owed.
        now: the present moment.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        settings: EvaluationSettings,
        metrics: Metrics,
        channels: Collection[str],
        wake_sending: Callable[[], None],
        now: Callable[[], datetime] = present,
    ) -> None:
        self._catalog = catalog
        self._settings = settings
        self._metrics = metrics
        self._channels = tuple(channels)
        self._wake_sending = wake_sending
        self._now = now
        self._repeating = Repeating("watching live support", self.check, every_s=CHECK_S)

    def start(self, *, first_after_s: float = 0.0) -> None:
        """Begin to look, at first after some seconds."""
        self._repeating.start(first_after_s=first_after_s)

    async def close(self) -> None:
        """Stop looking."""
        await self._repeating.close()

    async def check(self) -> None:
        """Look once.

        Raises:
            CatalogUnavailable: the catalog cannot be used.
        """
        moment = self._now()
        support = support_of(await self._catalog.live_turns.support(moment - WINDOW, moment))
        self._metrics.set_live_support(None if support is None else support.share)
        threshold = self._settings.alert_support
        match decide(support, threshold=threshold, min_claims=self._settings.alert_min_claims):
            case "raise" if support is not None:
                await self._raise(support, threshold, moment)
            case "clear":
                await self._clear(moment)
            case _:
                pass
        standing = await self._catalog.alerts.standing()
        self._metrics.set_alert(LIVE_SUPPORT, stands=any(alert.name == LIVE_SUPPORT for alert in standing))

    async def _raise(self, support: LiveSupport, threshold: float, moment: datetime) -> None:
        facts = {**asdict(support), "threshold": threshold}
        alert = await self._catalog.alerts.raise_one(
            LIVE_SUPPORT, facts=facts, at=moment, quiet_since=moment - WINDOW, channels=self._channels
        )
        if alert is not None:
            log.warning("live answers rest less on their passages than they should", alert_id=alert.id, **facts)
            self._wake_sending()

    async def _clear(self, moment: datetime) -> None:
        alert = await self._catalog.alerts.clear(LIVE_SUPPORT, at=moment)
        if alert is not None:
            log.info("live answers rest on their passages again", alert_id=alert.id)
