"""Errors in the form that clients read, whatever goes wrong."""

import importlib
import pkgutil
from collections.abc import Iterator

import httpx
import pytest

from footnote.core import errors
from serving.api.errors import PRESENTATIONS, error_body, error_headers, param_of, presentation_of
from tests.api.library import Library, Served


def subclasses(kind: type) -> Iterator[type]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def test_every_error_that_requests_can_meet_has_a_presentation() -> None:
    for room in ("footnote.core", "retrieval", "serving", "ingestion"):
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            if "migrations" not in module.name:
                importlib.import_module(module.name)
    served = {kind for kind in subclasses(errors.FootnoteError) if not kind.__module__.startswith(("footnote.cli", "tests"))}
    assert {kind.__name__ for kind in served - set(PRESENTATIONS)} == set()


def test_codes_are_stable_words_and_classes_share_none() -> None:
    codes = [shown.code for shown in PRESENTATIONS.values()]
    assert len(codes) == len(set(codes))
    assert all(code.replace("_", "").isalpha() and code.islower() for code in codes)


@pytest.mark.parametrize("kind", list(PRESENTATIONS))
def test_clients_do_not_retry_what_cannot_be_mended(kind: type[errors.FootnoteError]) -> None:
    error = kind("No.", retry_after_s=1.2) if issubclass(kind, errors.Overloaded) else kind("No.")  # type: ignore[call-arg]
    headers, status = error_headers(error), presentation_of(error).status
    would_retry = status in (408, 409, 429) or status >= 500
    assert (headers.get("x-should-retry") == "false") == (would_retry and not kind.retryable)
    assert ("retry-after" in headers) == issubclass(kind, errors.Overloaded)


def test_the_hint_is_part_of_the_message() -> None:
    body = error_body(errors.InvalidInput("It is wrong.", hint="Mend it.", param="x"))
    assert (body.message, body.param, body.code) == ("It is wrong. Mend it.", "x", "invalid_value")


def test_retry_after_is_whole_seconds_and_never_none() -> None:
    assert error_headers(errors.Overloaded("Busy.", retry_after_s=0.2))["retry-after"] == "1"
    assert error_headers(errors.Overloaded("Busy.", retry_after_s=2.1))["retry-after"] == "3"


@pytest.mark.parametrize(
    ("location", "param"),
    [
        (("body", "messages", 0, "content"), "messages[0].content"),
        (("body", "messages", 0, "content", "list[TextPart]", 1, "text"), "messages[0].content[1].text"),
        (("body", "stop", "list[constrained-str]"), "stop"),
        (("body", "chunking_strategy", "static", "static", "max_chunk_size_tokens"), "chunking_strategy.static.max_chunk_size_tokens"),
        (("query", "limit"), "limit"),
        (("body",), None),
    ],
)
def test_parameters_are_named_as_openai_names_them(location: tuple[str | int, ...], param: str | None) -> None:
    assert param_of(location) == param


def assert_error(answer: httpx.Response, *, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code
    assert error["message"]
    assert answer.headers["x-request-id"]


def test_what_routing_refuses_has_the_same_form(served: Served) -> None:
    with served.http() as client:
        assert_error(client.get("/v1/nowhere"), status=404, code="unknown_url")
        assert_error(client.put("/v1/files"), status=405, code="method_not_allowed")
        assert client.put("/v1/files").headers["allow"]


@pytest.mark.parametrize(
    "content", [b"{", b"", b"[1]", b"null", b'"text"', b"\xff\xfe", b'{"query": NaN}', b"[" * 100_000, b'{"a": ' + b"9" * 10_000 + b"}"]
)
def test_what_is_no_json_object_is_refused(served: Served, content: bytes) -> None:
    with served.http() as client:
        answer = client.post("/v1/vector_stores/default/search", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] in ("invalid_json", "missing_required_parameter", "invalid_value", "unknown_parameter")


def test_a_body_that_is_not_said_to_be_json_is_refused(served: Served) -> None:
    with served.http() as client:
        answer = client.post("/v1/vector_stores", content=b'{"name": "x"}', headers={"content-type": "text/plain"})
    assert_error(answer, status=400, code="invalid_value")


def test_a_json_body_over_the_limit_is_refused_announced_or_not(served: Served) -> None:
    text = b'{"query": "' + b"a" * 9_000_000 + b'"}'
    with served.http(headers={"content-type": "application/json"}) as client:
        assert_error(client.post("/v1/vector_stores/default/search", content=text), status=413, code="request_too_large")
        pieces = iter([text[:5_000_000], text[5_000_000:]])
        assert_error(client.post("/v1/vector_stores/default/search", content=pieces), status=413, code="request_too_large")
        assert client.get("/healthz").status_code == 200


def test_a_defect_tells_its_request_id_and_nothing_else(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the secret text of a document")

    with library.serve() as served, served.http() as client:
        monkeypatch.setattr(type(library.services.catalog.files), "get", broken)
        answer = client.get("/v1/files/file-1", headers={"x-request-id": "my-id"})
    assert_error(answer, status=500, code="internal_error")
    assert answer.headers["x-request-id"] == "my-id"
    assert "my-id" in answer.json()["error"]["message"]
    assert "secret" not in answer.text


def test_request_ids_are_taken_over_where_they_are_plain_words(served: Served) -> None:
    with served.http() as client:
        assert client.get("/healthz", headers={"x-request-id": "abc-1.2:3"}).headers["x-request-id"] == "abc-1.2:3"
        for strange in ("a b", "x" * 129, "a\x1bb"):
            assert client.get("/healthz", headers={"x-request-id": strange}).headers["x-request-id"].startswith("req_")
        first, second = (client.get("/healthz").headers["x-request-id"] for _ in range(2))
        assert first != second
