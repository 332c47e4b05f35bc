"""Metrics for Prometheus. Each application has a registry of its own, so that nothing is shared between two of them in one process."""

from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from footnote.core.types import JobState, Verdict

CONTENT_TYPE = CONTENT_TYPE_LATEST
STAGE_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)

TokenKind = Literal["prompt", "completion", "embedded"]
AnswerOutcome = Literal["answered", "abstained", "failed", "cancelled"]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """What is counted and timed, by names that begin with ``footnote_``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._stages = Histogram(
            "footnote_stage_seconds", "Time of one stage of the work.", ["stage"], buckets=STAGE_BUCKETS_S, registry=self.registry
        )
        self._tokens = Counter("footnote_tokens", "Tokens that went through models.", ["kind"], registry=self.registry)
        self._verdicts = Counter("footnote_verdicts", "Claims by verdict.", ["verdict"], registry=self.registry)
        self._answers = Counter("footnote_answers", "Answers by outcome.", ["outcome"], registry=self.registry)
        self._documents = Counter("footnote_documents", "Ingested documents by final state.", ["state"], registry=self.registry)
        self._requests = Counter("footnote_http_requests", "HTTP requests.", ["method", "route", "status"], registry=self.registry)
        self._request_seconds = Histogram(
            "footnote_http_request_seconds",
            "Time from a request to the end of its response.",
            ["method", "route"],
            buckets=STAGE_BUCKETS_S,
            registry=self.registry,
        )
        self._jobs_waiting = Gauge("footnote_jobs_waiting", "Jobs that are not finished.", registry=self.registry)
        self._alerts = Gauge("footnote_alert_raised", "1 as long as an alert stands.", ["alert"], registry=self.registry)
        self._live_support = Gauge(
            "footnote_live_support", "Share of judged claims of the last 24 hours' drafts that rest on passages.", registry=self.registry
        )
        self._live_support.set(float("nan"))
        self._deliveries = Gauge("footnote_deliveries", "Reports and alerts on their way, by state.", ["state"], registry=self.registry)

    def observe_stage(self, stage: str, *, seconds: float) -> None:
        self._stages.labels(stage=stage).observe(seconds)

    def count_tokens(self, kind: TokenKind, n: int) -> None:
        self._tokens.labels(kind=kind).inc(n)

    def count_verdict(self, verdict: Verdict) -> None:
        self._verdicts.labels(verdict=verdict.value).inc()

    def count_answer(self, outcome: AnswerOutcome) -> None:
        self._answers.labels(outcome=outcome).inc()

    def count_document(self, state: JobState) -> None:
        self._documents.labels(state=state.value).inc()

    def observe_request(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request under its route's template, never its path: a label per file would not end."""
        known = method if method in _METHODS else "OTHER"
        self._requests.labels(method=known, route=route, status=str(status)).inc()
        self._request_seconds.labels(method=known, route=route).observe(seconds)

    def set_jobs_waiting(self, n: int) -> None:
        self._jobs_waiting.set(n)

    def set_alert(self, name: str, *, stands: bool) -> None:
        self._alerts.labels(alert=name).set(stands)

    def set_live_support(self, share: float | None) -> None:
        """Show the share of supported claims; NaN, as Prometheus has it, where none was judged."""
        self._live_support.set(float("nan") if share is None else share)

    def set_deliveries(self, state: str, n: int) -> None:
        self._deliveries.labels(state=state).set(n)

    def exposition(self) -> bytes:
        """Return all metrics as Prometheus reads them, of type ``CONTENT_TYPE``."""
        return generate_latest(self.registry)
