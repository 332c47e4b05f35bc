"""What describes the service: models, metrics, and the OpenAPI document."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path

import openai
import pytest

from footnote.core.telemetry import Telemetry
from footnote.core.telemetry.tracing import Tracing
from serving.answer import AnswerEvent, Question
from serving.api.openapi import render, served_document
from tests.api.events import STARTED, finished
from tests.api.library import Library, Served

COMMITTED = Path(__file__).parents[2] / "openapi.json"


def test_the_committed_document_is_what_is_served() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == render(served_document()), "run: python -m serving.api.openapi"


def test_operations_are_described_and_errors_have_their_own_form() -> None:
    document = json.loads(COMMITTED.read_text(encoding="utf-8"))
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    for operation in operations:
        assert operation["summary"]
        assert operation["description"]
        assert "422" not in operation["responses"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_the_served_document_is_the_same(served: Served) -> None:
    with served.http() as client:
        assert client.get("/openapi.json").json() == json.loads(COMMITTED.read_text(encoding="utf-8"))


def test_models_are_the_assistant_its_release_and_each_collection(client: openai.OpenAI, library: Library) -> None:
    models = {model.id: model for model in client.models.list()}
    release = f"footnote@{library.services.release.id}"
    assert {"footnote", release, "kb:vs_default"} <= set(models)
    assert all(model.object == "model" and model.owned_by == "footnote" for model in models.values())
    for name in models:
        assert client.models.retrieve(name).id == name
    for unknown in ("gpt-5", "kb:vs_nowhere"):
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve(unknown)


def test_requests_are_counted_by_route_and_not_by_path(served: Served) -> None:
    with served.http() as client:
        for n in range(3):
            client.get(f"/v1/files/file-metrics-{n}")
        client.get("/no/such/path")
        metrics = client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert 'route="/v1/files/{file_id}",status="404"' in metrics.text
    assert 'route="unknown",status="404"' in metrics.text
    assert "file-metrics" not in metrics.text
    assert "footnote_jobs_waiting" in metrics.text


def test_the_stages_of_an_answer_are_one_trace(library: Library) -> None:
    from dataclasses import replace

    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traced = Library(
        library.threaded,
        replace(library.services, telemetry=Telemetry(tracing=Tracing(tracer=provider.get_tracer("test"), close=provider.shutdown))),
        library.answers,
        library.blob_folder,
    )

    async def with_a_stage(_question: Question) -> AsyncGenerator[AnswerEvent]:
        with traced.services.telemetry.stage("retrieve"):
            yield STARTED
        yield finished()

    library.answers.scripts["traced"] = with_a_stage
    with traced.serve() as served, served.client() as client:
        for stream in (False, True):
            answer = client.chat.completions.create(model="footnote", messages=[{"role": "user", "content": "traced"}], stream=stream)
            assert answer if not stream else list(answer)  # type: ignore[call-overload]
    provider.shutdown()
    spans = exporter.get_finished_spans()
    requests = {span.context.span_id: span for span in spans if (span.attributes or {}).get("route") == "/v1/chat/completions"}
    stages = [span for span in spans if span.name == "retrieve"]
    assert len(requests) == len(stages) == 2
    assert {stage.parent.span_id for stage in stages if stage.parent} == set(requests)
    assert all((span.attributes or {})["status"] == 200 for span in requests.values())
