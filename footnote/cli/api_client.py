"""The API as the command line calls it: footnote's own HTTP surface, and nothing behind it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar, cast
from urllib.parse import quote

import httpx

from footnote.cli.api_objects import (
    ApiObject,
    Attachment,
    AttachmentState,
    Collection,
    CollectionInSpace,
    DeletedRun,
    DeletedSet,
    EvaluationRun,
    EvaluationSet,
    FileCitation,
    Footnote,
    GeneratedSet,
    GenerationStep,
    ImportedSet,
    Readiness,
    Receipt,
    Reindex,
    Report,
    ReportComparison,
    SearchHit,
    Turn,
    UploadedFile,
)
from footnote.cli.failure import CommandFailed, Refused
from footnote.core.filenames import sanitised_filename

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 600.0
"""An answer of a small model on a slow machine takes its time; the server itself bounds how long each part may take."""

PAGE = 100
CASES_PER_PAGE = 1_000
ERASING_TIMEOUT_S = 3_600.0
"""Erasing rewrites the index, which takes its time where that is large."""

Item = TypeVar("Item", bound=ApiObject)


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """What closes an answer."""

    footnote: Footnote
    citations: tuple[FileCitation, ...]
    finish_reason: str


class ApiClient:
    """Calls one server. Every failure becomes a ``CommandFailed``. Safe to use from several threads.

    Args:
        url: where its paths begin, without ``/v1``.
        token: what is sent as ``Authorization: Bearer``, or None.
        is_named: somebody has named the server by its URL. One that owns a data directory is on this machine, and no proxy of the
            environment stands between it and this process.
    """

    def __init__(self, url: str, *, token: str | None, is_named: bool = False) -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=f"{url}/v1/", headers=headers, timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S), trust_env=is_named
        )
        self.url = url
        self._is_named = is_named

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.close()

    def collections(self) -> list[Collection]:
        return list(self._all("vector_stores", Collection))

    def create_collection(self, name: str) -> Collection:
        return Collection.model_validate(self._call("POST", "vector_stores", body={"name": name}))

    def files(self) -> list[UploadedFile]:
        """Return the caller's own files."""
        return list(self._all("files", UploadedFile, limit=1000))

    def upload(self, path: Path, *, on_bytes: Callable[[int], None]) -> UploadedFile:
        """Send a file; ``on_bytes`` hears how many more bytes have gone out."""
        with path.open("rb") as stream:
            files = {"file": (sanitised_filename(path.name), CountedReader(stream, on_bytes), "application/octet-stream")}
            answer = self._send("POST", "files", data={"purpose": "assistants"}, files=files)
        return UploadedFile.model_validate(answer)

    def erase(self, file_id: str) -> Receipt:
        """Erase a file; returns when it is done."""
        answer = self._send("DELETE", f"files/{file_id}", timeout=ERASING_TIMEOUT_S)
        return Receipt.model_validate(answer["footnote"]["receipt"])

    def attach(self, collection_id: str, file_id: str, *, source: str | None = None, replaces: Sequence[str] = ()) -> Attachment:
        """Attach a file; it takes the place of what came from the same source, and of the files that are named."""
        body: dict[str, Any] = {"file_id": file_id}
        body |= {"source": source} if source else {}
        body |= {"replaces": list(replaces)} if replaces else {}
        return Attachment.model_validate(self._call("POST", f"vector_stores/{collection_id}/files", body=body))

    def act(self, collection_id: str, file_id: str, action: str) -> Attachment:
        """Cancel, retry or process a file."""
        return Attachment.model_validate(self._call("POST", f"vector_stores/{collection_id}/files/{file_id}/{action}"))

    def attachment(self, collection_id: str, file_id: str) -> Attachment:
        return Attachment.model_validate(self._call("GET", f"vector_stores/{collection_id}/files/{file_id}"))

    def attachments(self, collection_id: str, *, state: AttachmentState | None = None) -> Iterator[Attachment]:
        return self._all(f"vector_stores/{collection_id}/files", Attachment, query={"filter": state} if state else {})

    def search(self, collection_id: str, query: str, *, limit: int, reindex: str | None = None) -> list[SearchHit]:
        """Search a collection; with ``reindex`` what that re-indexing has built."""
        body = {"query": query, "max_num_results": limit, **({} if reindex is None else {"reindex": reindex})}
        answer = self._call("POST", f"vector_stores/{collection_id}/search", body=body)
        return [SearchHit.model_validate(hit) for hit in answer["data"]]

    def collections_in_spaces(self) -> list[CollectionInSpace]:
        return list(self._all("vector_stores", CollectionInSpace))

    def reindex(self, collection_id: str, action: str | None = None, *, body: dict[str, Any] | None = None) -> Reindex:
        """Begin a re-indexing, or do something to it: ``flip``, ``flip_back``, ``cancel``, ``drop``, ``comparison``."""
        path = f"vector_stores/{collection_id}/reindex" + ("" if action is None else f"/{action}")
        return Reindex.model_validate(self._call("POST", path, body=body or {}))

    def reindex_state(self, collection_id: str) -> Reindex:
        return Reindex.model_validate(self._call("GET", f"vector_stores/{collection_id}/reindex"))

    def was_reindexed(self, collection_id: str) -> bool:
        try:
            response = self._http.get(f"vector_stores/{collection_id}/reindex")
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        return response.is_success

    def import_set(self, name: str, cases: Sequence[Mapping[str, Any]], *, kind: str) -> ImportedSet:
        """Make a version of an evaluation set."""
        body = {"name": name, "kind": kind, "cases": list(cases)}
        return ImportedSet.model_validate(self._call("POST", "evaluation_sets", body=body))

    def generate_set(
        self, name: str, *, collection_id: str | None, cases: int, by: str, seed: int
    ) -> Iterator[GenerationStep | GeneratedSet]:
        """Yield how far the generation of a set is, and at last what came of it."""
        body: dict[str, Any] = {"name": name, "cases": cases, "by": by, "seed": seed, "stream": True}
        body |= {} if collection_id is None else {"vector_store_id": collection_id}
        for event in self._events("evaluation_sets/generate", body):
            kind = GenerationStep if event["object"] == "evaluation_set.progress" else GeneratedSet
            yield kind.model_validate(event)

    def sets(self, name: str | None = None) -> Iterator[EvaluationSet]:
        return self._all("evaluation_sets", EvaluationSet, query={} if name is None else {"name": name})

    def evaluation_set(self, set_id: str) -> EvaluationSet:
        return EvaluationSet.model_validate(self._call("GET", f"evaluation_sets/{quote(set_id, safe='')}"))

    def cases(self, set_id: str) -> Iterator[dict[str, Any]]:
        """Yield the cases of a set as they were imported, each with its ``case_id`` at the server."""
        parameters: dict[str, str | int] = {"limit": CASES_PER_PAGE}
        while True:
            page = self._call("GET", f"evaluation_sets/{set_id}/cases", parameters=parameters)
            yield from page["data"]
            if not page["has_more"]:
                return
            parameters["after"] = page["next_after"]

    def delete_set(self, wanted: str) -> DeletedSet:
        """Delete a version of an evaluation set, or all versions of one name, with all runs over it."""
        return DeletedSet.model_validate(self._call("DELETE", f"evaluation_sets/{quote(wanted, safe='')}"))

    def begin_run(self, body: dict[str, Any]) -> EvaluationRun:
        """Begin a run of evaluation, or go on with an unfinished one that asks for the same."""
        return EvaluationRun.model_validate(self._call("POST", "evaluation_runs", body=body))

    def run(self, run_id: str) -> EvaluationRun:
        return EvaluationRun.model_validate(self._call("GET", f"evaluation_runs/{quote(run_id, safe='')}"))

    def runs(self, set_name: str | None = None) -> Iterator[EvaluationRun]:
        return self._all("evaluation_runs", EvaluationRun, query={} if set_name is None else {"set": set_name})

    def cancel_run(self, run_id: str) -> EvaluationRun:
        return EvaluationRun.model_validate(self._call("POST", f"evaluation_runs/{quote(run_id, safe='')}/cancel"))

    def delete_run(self, run_id: str) -> DeletedRun:
        """Delete a run of evaluation that has ended, with what was made of it."""
        return DeletedRun.model_validate(self._call("DELETE", f"evaluation_runs/{quote(run_id, safe='')}"))

    def run_cases(self, run_id: str) -> Iterator[dict[str, Any]]:
        """Walk through what each case of a run came to."""
        parameters: dict[str, str | int] = {"limit": PAGE}
        while True:
            page = self._call("GET", f"evaluation_runs/{run_id}/cases", parameters=parameters)
            yield from page["data"]
            if not page["has_more"]:
                return
            parameters["after"] = page["next_after"]

    def turn(self, turn_id: str) -> Turn:
        return Turn.model_validate(self._call("GET", f"turns/{quote(turn_id, safe='')}"))

    def reports(self, *, limit: int) -> list[Report]:
        """Return the newest reports, the newest first."""
        answer = self._call("GET", "reports", parameters={"limit": limit, "order": "desc"})
        return [Report.model_validate(each) for each in answer["data"]]

    def report(self, report_id: str) -> Report:
        return Report.model_validate(self._call("GET", f"reports/{quote(report_id, safe='')}"))

    def report_comparison(self, old: str, new: str) -> ReportComparison:
        """Return what moved from one report to another."""
        return ReportComparison.model_validate(self._call("GET", f"reports/{quote(new, safe='')}", parameters={"compare": old}))

    def report_page(self, report_id: str, *, compare: str | None = None) -> str:
        """Return a report, or how it differs from an older one, as a page that stands alone."""
        query = {} if compare is None else {"compare": compare}
        try:
            response = self._http.get(f"reports/{quote(report_id, safe='')}", params=query, headers={"accept": "text/html"})
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        self._require_success(response)
        return response.text

    def ask(self, question: str, *, collection_ids: list[str] | None) -> Iterator[TextPiece | FinalAnswer]:
        """Yield the answer in pieces, then what closes it."""
        body: dict[str, Any] = {"model": "footnote", "stream": True, "messages": [{"role": "user", "content": question}]}
        if collection_ids is not None:
            body["vector_store_ids"] = collection_ids
        citations: list[FileCitation] = []
        finish_reason, footnote = "", None
        for chunk in self._events("chat/completions", body):
            for choice in chunk["choices"]:
                if choice["delta"].get("content"):
                    yield TextPiece(choice["delta"]["content"])
                citations += [
                    FileCitation.model_validate(annotation["file_citation"])
                    for annotation in choice["delta"].get("annotations", [])
                    if annotation["type"] == "file_citation"
                ]
                finish_reason = choice.get("finish_reason") or finish_reason
            if "claims" in chunk.get("footnote", {}):
                footnote = Footnote.model_validate(chunk["footnote"])
        if footnote is None:
            raise CommandFailed("The answer broke off.", hint="Ask again; the server's log says more.")
        yield FinalAnswer(footnote=footnote, citations=tuple(citations), finish_reason=finish_reason)

    def snapshot_index(self) -> str | None:
        """Have the server copy its index into a folder of its data directory; return that folder's name, or None without such an index."""
        folder = self._call("POST", "operator/index_snapshots")["folder"]
        return None if folder is None else str(folder)

    def readiness(self) -> Readiness:
        """Return each part's state; the status of the answer says the same once more and is passed over."""
        try:
            response = self._http.get(f"{self.url}/readyz")
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        return Readiness.model_validate(response.json())

    def _all(self, path: str, kind: type[Item], *, limit: int = PAGE, query: Mapping[str, str] | None = None) -> Iterator[Item]:
        """Walk through a list of the API, page by page, oldest first."""
        parameters: dict[str, str | int] = {"limit": limit, "order": "asc", **(query or {})}
        while True:
            page = self._call("GET", path, parameters=parameters)
            yield from (kind.model_validate(item) for item in page["data"])
            if not page["has_more"] or not page["data"]:
                return
            parameters["after"] = page["data"][-1]["id"]

    def _call(
        self, method: str, path: str, *, body: dict[str, Any] | None = None, parameters: dict[str, str | int] | None = None
    ) -> dict[str, Any]:
        return self._send(method, path, json=body, params=parameters)

    def _send(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, **request)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        self._require_success(response)
        try:
            answer: object = response.json()
        except ValueError as error:
            raise self._not_footnote() from error
        if not isinstance(answer, dict):
            raise self._not_footnote()
        return cast("dict[str, Any]", answer)

    def _events(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the data of each server-sent event."""
        try:
            with self._http.stream("POST", path, json=body) as response:
                if response.is_error:
                    response.read()
                self._require_success(response)
                for line in response.iter_lines():
                    if line.startswith("data: ") and line != "data: [DONE]":
                        event = json.loads(line.removeprefix("data: "))
                        if event.get("error"):
                            raise CommandFailed(event["error"]["message"])
                        yield event
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: httpx.TransportError) -> CommandFailed:
        return CommandFailed(
            f"The server at {self.url} does not answer ({type(error).__name__}).",
            hint="Look at --url or FOOTNOTE_URL, and at its log."
            if self._is_named
            else "Look at its log, or start it with `footnote serve`.",
        )

    def _not_footnote(self) -> CommandFailed:
        return CommandFailed(f"What answers at {self.url} is no footnote.", hint="Look at --url or FOOTNOTE_URL.")

    def _require_success(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        try:
            message = str(response.json()["error"]["message"])
        except (ValueError, KeyError, TypeError):
            message = f"The server at {self.url} answered with status {response.status_code}."
        wants_key = self._is_named and response.status_code == HTTPStatus.UNAUTHORIZED
        raise Refused(message, hint="Give a key of that server's: --key, or FOOTNOTE_KEY." if wants_key else None)


class CountedReader:
    """A file to upload that says how much of it has been read."""

    def __init__(self, stream: BinaryIO, on_bytes: Callable[[int], None]) -> None:
        self._stream = stream
        self._on_bytes = on_bytes

    def fileno(self) -> int:
        return self._stream.fileno()

    def read(self, size: int = -1, /) -> bytes:
        piece = self._stream.read(size)
        self._on_bytes(len(piece))
        return piece
