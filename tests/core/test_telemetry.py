"""Logs, metrics and spans: they say what happened, and never what people wrote unless that was asked for."""

import gzip
import io
import json
import logging
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from footnote.core.errors import InvalidSettings
from footnote.core.settings import TelemetrySettings
from footnote.core.telemetry import Telemetry, configure_logging, open_telemetry
from footnote.core.telemetry.text_fields import TEXT_FIELDS
from footnote.core.telemetry.tracing import Tracing, traces_url
from footnote.core.types import JobState, Verdict

SECRET = "who-is-to-be-dismissed"


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines_of(settings: TelemetrySettings) -> io.StringIO:
    stream = io.StringIO()
    configure_logging(settings, stream=stream)
    return stream


def json_lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


# --------------------------------------------------------------------------------------------------------------------------------- logs


def test_a_line_carries_event_fields_and_the_ids_that_are_bound():
    stream = lines_of(TelemetrySettings(log_format="json"))
    with structlog.contextvars.bound_contextvars(request_id="req_1", job_id="job_1"):
        structlog.get_logger("ingestion").info("document_read", n_pages=3)
    structlog.get_logger().info("idle")
    first, second = json_lines(stream)
    assert (first["event"], first["level"], first["n_pages"], first["logger"]) == ("document_read", "info", 3, "ingestion")
    assert (first["request_id"], first["job_id"]) == ("req_1", "job_1")
    assert first["timestamp"].endswith("Z")
    assert "request_id" not in second


def test_libraries_are_written_in_the_same_way_with_the_same_ids():
    stream = lines_of(TelemetrySettings(log_format="json"))
    with structlog.contextvars.bound_contextvars(request_id="req_1"):
        logging.getLogger("some.library").warning("disk at %d %%", 93)
    (line,) = json_lines(stream)
    assert (line["event"], line["logger"], line["level"], line["request_id"]) == ("disk at 93 %", "some.library", "warning", "req_1")


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("field", sorted(TEXT_FIELDS))
def test_text_is_written_only_by_opt_in(log_format: str, field: str):
    fields = {field: SECRET, "n": 1, "nested": {field: SECRET}, "listed": [{field: SECRET}]}
    closed = lines_of(TelemetrySettings(log_format=log_format))
    structlog.get_logger().info("asked", **fields)
    assert "asked" in closed.getvalue()
    assert SECRET not in closed.getvalue()
    open_ = lines_of(TelemetrySettings(log_format=log_format, log_text=True))
    structlog.get_logger().info("asked", **fields)
    assert open_.getvalue().count(SECRET) == 3


def test_bound_text_is_dropped_too():
    stream = lines_of(TelemetrySettings(log_format="json"))
    with structlog.contextvars.bound_contextvars(question=SECRET):
        logging.getLogger("some.library").warning("hello")
    assert SECRET not in stream.getvalue()


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_local_variables(log_format: str):
    stream = lines_of(TelemetrySettings(log_format=log_format))

    def divide(question: str) -> None:
        1 / 0  # noqa: B018

    try:
        divide("-".join(SECRET.split("-")))
    except ZeroDivisionError:
        structlog.get_logger().exception("broke")
    assert "ZeroDivisionError" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_the_level_holds_and_noisy_libraries_are_quiet_below_warnings_even_when_debugging():
    stream = lines_of(TelemetrySettings(log_format="json", log_level="debug"))
    structlog.get_logger().debug("ours")
    for name in ("httpx", "openai._base_client", "sqlalchemy.engine"):
        logging.getLogger(name).debug("body %s", SECRET)
        logging.getLogger(name).warning("slow")
    assert [line["event"] for line in json_lines(stream)] == ["ours", "slow", "slow", "slow"]
    stream = lines_of(TelemetrySettings(log_format="json", log_level="error"))
    structlog.get_logger().warning("ours")
    logging.getLogger("some.library").warning("theirs")
    assert stream.getvalue() == ""


def test_setting_up_twice_does_not_write_twice():
    lines_of(TelemetrySettings(log_format="json"))
    stream = lines_of(TelemetrySettings(log_format="json"))
    structlog.get_logger().info("once")
    logging.getLogger("uvicorn.error").warning("once")
    assert len(json_lines(stream)) == 2


def test_a_stream_that_is_no_terminal_gets_json():
    stream = lines_of(TelemetrySettings(log_format="auto"))
    structlog.get_logger().info("hello")
    assert json_lines(stream)[0]["event"] == "hello"


def test_a_warning_becomes_a_line():
    stream = lines_of(TelemetrySettings(log_format="json"))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old option", UserWarning, stacklevel=1)
    assert "old option" in json_lines(stream)[0]["event"]


# ------------------------------------------------------------------------------------------------------------------------------ metrics


def test_what_is_counted_can_be_read():
    metrics = Telemetry().metrics
    metrics.count_tokens("prompt", 40)
    metrics.count_tokens("prompt", 2)
    metrics.count_verdict(Verdict.UNSUPPORTED)
    metrics.count_answer("abstained")
    metrics.count_document(JobState.COMPLETED)
    metrics.observe_request(method="GET", route="/v1/files/{file_id}", status=404, seconds=0.003)
    metrics.observe_request(method="BREW", route="/", status=405, seconds=0.003)
    metrics.set_jobs_waiting(7)
    text = metrics.exposition().decode()
    for line in (
        'footnote_tokens_total{kind="prompt"} 42.0',
        'footnote_verdicts_total{verdict="unsupported"} 1.0',
        'footnote_answers_total{outcome="abstained"} 1.0',
        'footnote_documents_total{state="completed"} 1.0',
        'footnote_http_requests_total{method="GET",route="/v1/files/{file_id}",status="404"} 1.0',
        'footnote_http_requests_total{method="OTHER",route="/",status="405"} 1.0',
        'footnote_http_request_seconds_bucket{le="0.005",method="GET",route="/v1/files/{file_id}"} 1.0',
        "footnote_jobs_waiting 7.0",
    ):
        assert line in text.splitlines()
    assert "process_resident_memory_bytes" in text


def test_two_applications_in_one_process_count_apart():
    first, second = Telemetry(), Telemetry()
    first.metrics.count_answer("answered")
    assert 'outcome="answered"' in first.metrics.exposition().decode()
    assert 'outcome="answered"' not in second.metrics.exposition().decode()


def test_a_stage_is_timed_and_counted_also_when_it_fails():
    telemetry = Telemetry()
    with telemetry.stage("embed") as stage:
        time.sleep(0.02)
        running = stage.ms
    assert 20 <= running <= stage.ms < 5_000
    assert stage.ms == stage.ms, "the clock stands still after the end"
    with pytest.raises(ZeroDivisionError), telemetry.stage("embed"):
        1 / 0  # noqa: B018
    text = telemetry.metrics.exposition().decode()
    assert 'footnote_stage_seconds_count{stage="embed"} 2.0' in text
    assert 'footnote_stage_seconds_bucket{le="0.01",stage="embed"} 1.0' in text


# -------------------------------------------------------------------------------------------------------------------------------- spans


def traced(*, log_text: bool = False) -> tuple[Telemetry, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Telemetry(tracing=Tracing(tracer=provider.get_tracer("test"), close=provider.shutdown), log_text=log_text), exporter


def test_stages_become_nested_spans_with_their_fields_and_ids():
    telemetry, exporter = traced()
    with (
        structlog.contextvars.bound_contextvars(request_id="req_1"),
        telemetry.stage("answer"),
        telemetry.stage("search", n_hits=3) as stage,
    ):
        stage.note(found=2, versions=["left out: spans carry single values"])
    search, answer = exporter.get_finished_spans()
    assert (search.name, answer.name) == ("search", "answer")
    assert search.parent.span_id == answer.context.span_id
    assert dict(search.attributes) == {"request_id": "req_1", "n_hits": 3, "found": 2}


@pytest.mark.parametrize("log_text", [False, True])
def test_a_span_holds_text_only_by_opt_in(log_text: bool):
    telemetry, exporter = traced(log_text=log_text)

    def search() -> None:
        with telemetry.stage("search", query=SECRET) as stage:
            stage.note(**dict.fromkeys(TEXT_FIELDS, SECRET))
            raise ValueError(f"cannot read {SECRET}")

    with pytest.raises(ValueError, match=SECRET):
        search()
    (span,) = exporter.get_finished_spans()
    assert (SECRET in span.to_json()) == log_text
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")


class Collector(BaseHTTPRequestHandler):
    """An OTLP collector that keeps what is posted to it."""

    posted: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        self.posted.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


async def test_closing_sends_what_is_left():
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever).start()
        settings = TelemetrySettings(otlp_endpoint=f"http://127.0.0.1:{server.server_port}", service_name="reading-room")
        telemetry = open_telemetry(settings, version="1.2.3")
        with telemetry.stage("search", query=SECRET):
            pass
        await telemetry.close()
        server.shutdown()
    ((path, body),) = Collector.posted
    assert path == "/v1/traces"
    assert all(word in gunzipped(body) for word in (b"search", b"reading-room", b"1.2.3"))
    assert SECRET.encode() not in gunzipped(body)


def gunzipped(body: bytes) -> bytes:
    return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body


def test_without_an_endpoint_nothing_is_traced_and_the_sdk_is_not_loaded():
    script = (
        "import sys; from footnote.core.settings import TelemetrySettings; from footnote.core.telemetry import open_telemetry\n"
        "with open_telemetry(TelemetrySettings(), version='1').stage('a'): pass\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_endpoint_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(InvalidSettings, match=r'pip install "footnote-assistant\[tracing\]"'):
        open_telemetry(TelemetrySettings(otlp_endpoint="http://127.0.0.1:4318"), version="1")


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("http://collector/otlp/v1/traces", "http://collector/otlp/v1/traces"),
    ],
)
def test_an_endpoint_without_a_path_gets_the_one_for_traces(endpoint: str, url: str):
    assert traces_url(endpoint) == url
