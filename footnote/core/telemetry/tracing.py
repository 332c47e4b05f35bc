"""Spans: to an OpenTelemetry collector where one is configured, else to nobody and at no cost."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from opentelemetry.trace import NoOpTracer, Tracer

from footnote.core.errors import InvalidSettings
from footnote.core.settings import TelemetrySettings

TRACES_PATH = "/v1/traces"


@dataclass(frozen=True, slots=True)
class Tracing:
    """A tracer, and how to send what is left and end it; ending blocks."""

    tracer: Tracer
    close: Callable[[], None]


NO_TRACING = Tracing(tracer=NoOpTracer(), close=lambda: None)


def open_tracing(settings: TelemetrySettings, *, version: str) -> Tracing:
    """Return the tracer that the settings ask for.

    Raises:
        InvalidSettings: an endpoint is set, but the extra ``tracing`` is not installed.
    """
    if settings.otlp_endpoint is None:
        return NO_TRACING
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - comes with an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - comes with an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - comes with an extra
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - comes with an extra
    except ImportError as error:
        raise InvalidSettings(
            "telemetry.otlp_endpoint is set, but what sends spans is not installed.",
            hint='Run: pip install "footnote-assistant[tracing]"',
            param="telemetry.otlp_endpoint",
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": settings.service_name, "service.version": version}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=traces_url(settings.otlp_endpoint))))
    return Tracing(tracer=provider.get_tracer("footnote", version), close=provider.shutdown)


def traces_url(endpoint: str) -> str:
    """Return where spans are posted: the endpoint's own path, or ``/v1/traces`` (OTLP specification, Endpoint URLs) where it has none."""
    return endpoint if urlsplit(endpoint).path.strip("/") else endpoint.rstrip("/") + TRACES_PATH
