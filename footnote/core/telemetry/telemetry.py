"""Telemetry as one object that is built once and passed down: stages are timed, counted and traced by one ``with``."""

import time
from collections.abc import Generator
from contextlib import contextmanager

import structlog
from opentelemetry.trace import Span, Status, StatusCode

from footnote.core.offload import offload
from footnote.core.settings import TelemetrySettings
from footnote.core.telemetry.metrics import Metrics
from footnote.core.telemetry.text_fields import without_text
from footnote.core.telemetry.tracing import NO_TRACING, Tracing, open_tracing

_SPAN_VALUES = (str, bool, int, float)


class Stage:
    """A stage of the work: ``ms`` is the time since it began, and after its end the time that it took."""

    def __init__(self, span: Span, *, log_text: bool) -> None:
        self._span = span
        self._log_text = log_text
        self._began = time.perf_counter()
        self._seconds: float | None = None

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began if self._seconds is None else self._seconds

    @property
    def ms(self) -> float:
        return self.seconds * 1000

    def note(self, **fields: object) -> None:
        """Put fields on the span, as far as it can carry them; those that hold text only by opt-in."""
        for name, value in (fields if self._log_text else without_text(fields)).items():
            if isinstance(value, _SPAN_VALUES):
                self._span.set_attribute(name, value)

    def end(self) -> None:
        self._seconds = self.seconds


class Telemetry:
    """Metrics and spans of one application. Built without arguments it counts, and traces nothing."""

    def __init__(self, *, tracing: Tracing = NO_TRACING, log_text: bool = False) -> None:
        self.metrics = Metrics()
        self._tracing = tracing
        self._log_text = log_text

    @contextmanager
    def stage(self, name: str, **fields: object) -> Generator[Stage]:
        """Time a stage: into the histogram under its name, and as a span with the fields and the ids that are bound for logging."""
        # An exception's message may quote a document: the span says its class alone, unless text is let in.
        with self._tracing.tracer.start_as_current_span(name, record_exception=self._log_text, set_status_on_exception=False) as span:
            stage = Stage(span, log_text=self._log_text)
            stage.note(**{**structlog.contextvars.get_contextvars(), **fields})
            try:
                yield stage
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise
            finally:
                stage.end()
                self.metrics.observe_stage(name, seconds=stage.seconds)

    async def close(self) -> None:
        """Send the spans that are left."""
        await offload(self._tracing.close)


def open_telemetry(settings: TelemetrySettings, *, version: str) -> Telemetry:
    """Return the telemetry that the settings ask for.

    Raises:
        InvalidSettings: spans are asked for, and what sends them is not installed.
    """
    return Telemetry(tracing=open_tracing(settings, version=version), log_text=settings.log_text)
