"""``footnote ingest``: files go to the server, several at a time, and the command stays until each has ended."""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import Attachment, Collection
from footnote.cli.collection_choice import DEFAULT, find_collection
from footnote.cli.failure import CommandFailed
from footnote.cli.ingest_plan import KnownFile, LocalFile, plan_ingest, read_local_file
from footnote.cli.ingest_progress import StageBars, stage_bars, stage_totals
from footnote.cli.json_documents import FailedFile, IngestDocument, IngestedFile
from footnote.cli.terminal import messages, output, printable

UPLOADS_AT_ONCE = 4
SHORTEST_POLL_S = 0.2
POLL_SHARE = 4
"""Polling takes at most a fifth of the time: the pause is so many times as long as the last look took."""
ROWS_OF_A_KIND = 40
COLLECTION_ID_PREFIX = "vs_"


Sending = Future[tuple[KnownFile, Attachment]]


def ingest(client: ApiClient, paths: Sequence[Path], *, collection: str | None, replace: bool = False) -> IngestDocument:
    """Bring files into a collection, which is created where there is none of that name.

    What has changed since the same path was brought in takes the place of its older version; with ``replace`` a new file also takes the
    place of the caller's others of its name.

    Raises:
        CommandFailed: the server does not answer, refuses what does not concern a single file, or Ctrl-C was pressed.
    """
    began = time.monotonic()
    target, created = _target(client, collection or DEFAULT)
    local, unreadable = _read(paths)
    plan = plan_ingest(local, uploaded=client.files(), attached=client.attachments(target.id), replace=replace)
    run = _Run(client, target, failed=unreadable, replaced=plan.replaced)
    with stage_bars(
        messages(), n_documents=len(plan.upload) + len(plan.attach), n_upload_bytes=sum(file.n_bytes for file in plan.upload)
    ) as bars:
        try:
            for known in plan.moved:
                client.attach(target.id, known.file_id, source=known.local.source)
            run.work(upload=plan.upload, attach=plan.attach, bars=bars)
        except KeyboardInterrupt:
            raise CommandFailed("Stopped.", hint="What was sent is kept: the same command goes on from there.") from None
    present = [_ingested(known, None) for known in plan.present] + run.repeated(plan.repeated, present=plan.present)
    return IngestDocument(
        collection=target,
        collection_created=created,
        added=run.added(),
        replaced=run.n_replaced(),
        present=present,
        failed=run.failures(),
        seconds=round(time.monotonic() - began, 1),
    )


def show_ingest(document: IngestDocument) -> None:
    """Print the table: what went in, what was there already, what failed and why."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    table.add_column("file", overflow="fold")
    table.add_column("pages", justify="right")
    table.add_column("chunks", justify="right")
    table.add_column("", overflow="fold")
    _add_rows(table, "[green]added[/]", document.added)
    _add_rows(table, "[dim]there already[/]", document.present)
    for failed in document.failed:
        table.add_row("[red]failed[/]", escape(printable(failed.path)), "", "", escape(printable(failed.message)))
    console = output()
    console.print(table)
    console.print(
        f"{len(document.added)} added{_replacing(document)}, {len(document.present)} there already, {len(document.failed)} failed, "
        f"in {document.seconds:.1f} s; collection {escape(document.collection.name)} ({document.collection.id})"
    )


@dataclass
class _Run:
    """One ingestion: what is under way, and what has come of it."""

    client: ApiClient
    collection: Collection
    failed: list[FailedFile] = field(default_factory=list[FailedFile])
    replaced: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    _replaces: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _known: dict[str, KnownFile] = field(default_factory=dict[str, KnownFile])
    _latest: dict[str, Attachment] = field(default_factory=dict[str, Attachment])

    def work(self, *, upload: Iterable[LocalFile], attach: Iterable[KnownFile], bars: StageBars) -> None:
        """Send everything and wait until the last attachment has ended."""
        pool = ThreadPoolExecutor(max_workers=UPLOADS_AT_ONCE, thread_name_prefix="upload")
        try:
            waiting = {pool.submit(self._attach, known): known.local for known in attach}
            waiting |= {pool.submit(self._upload, file, bars): file for file in upload}
            while waiting or self._open():
                self._collect(waiting)
                took_s = self._look()
                bars.show(stage_totals(self._latest.values()), n_failed_uploads=len(self.failed))
                if waiting or self._open():
                    time.sleep(max(SHORTEST_POLL_S, POLL_SHARE * took_s))
        finally:
            # After Ctrl-C: what is on its way arrives whole, what has not begun does not begin.
            pool.shutdown(cancel_futures=True)

    def added(self) -> list[IngestedFile]:
        return [_ingested(known, self._latest[known.file_id]) for known in self._ended("completed")]

    def n_replaced(self) -> int:
        return sum(len(self._replaces[known.file_id]) for known in self._ended("completed"))

    def failures(self) -> list[FailedFile]:
        ended = [_failure(known, self._latest[known.file_id]) for state in ("failed", "cancelled") for known in self._ended(state)]
        return self.failed + ended

    def repeated(self, files: Iterable[LocalFile], *, present: Iterable[KnownFile]) -> list[IngestedFile]:
        """Return the files that the list named twice and whose first mention went well: nothing was left to do for them."""
        ids = {known.local.identity: known.file_id for known in [*present, *self._ended("completed")]}
        return [_ingested(KnownFile(file, ids[file.identity]), None) for file in files if file.identity in ids]

    def _upload(self, file: LocalFile, bars: StageBars) -> tuple[KnownFile, Attachment]:
        uploaded = self.client.upload(file.path, on_bytes=bars.sent)
        return self._attach(KnownFile(file, uploaded.id))

    def _attach(self, known: KnownFile) -> tuple[KnownFile, Attachment]:
        local = known.local
        replaces = self.replaced.get(local.source, ())
        return known, self.client.attach(self.collection.id, known.file_id, source=local.source, replaces=replaces)

    def _collect(self, waiting: dict[Sending, LocalFile]) -> None:
        """Take over what has been sent, and leave what has not."""
        for future in [future for future in waiting if future.done()]:
            file = waiting.pop(future)
            try:
                known, attachment = future.result()
            except CommandFailed as error:
                self.failed.append(FailedFile(path=str(file.path), code="upload_failed", message=error.message))
            except OSError as error:
                self.failed.append(_unreadable(file.path, error))
            else:
                self._known[known.file_id], self._latest[known.file_id] = known, attachment
                self._replaces[known.file_id] = attachment.job.replaces

    def _look(self) -> float:
        """Ask how far everything is; return the seconds that it took."""
        began = time.monotonic()
        open_ids = self._open()
        if open_ids:
            going_on = {attachment.id: attachment for attachment in self.client.attachments(self.collection.id, state="in_progress")}
            for file_id in open_ids:
                self._latest[file_id] = going_on.get(file_id) or self.client.attachment(self.collection.id, file_id)
        return time.monotonic() - began

    def _open(self) -> list[str]:
        return [file_id for file_id, attachment in self._latest.items() if attachment.status == "in_progress"]

    def _ended(self, state: str) -> list[KnownFile]:
        ended = [known for file_id, known in self._known.items() if self._latest[file_id].status == state]
        return sorted(ended, key=lambda known: known.local.path)


def _target(client: ApiClient, wanted: str) -> tuple[Collection, bool]:
    found = find_collection(client.collections(), wanted)
    if found is not None:
        return found, False
    if wanted.startswith(COLLECTION_ID_PREFIX):
        raise CommandFailed(f"There is no collection {wanted}.", hint="Give a name to create one.")
    messages().print(f"There is no collection {escape(wanted)} yet: creating it.")
    return client.create_collection(wanted), True


def _read(paths: Iterable[Path]) -> tuple[list[LocalFile], list[FailedFile]]:
    local: list[LocalFile] = []
    failed: list[FailedFile] = []
    for path in paths:
        try:
            local.append(read_local_file(path))
        except OSError as error:
            failed.append(_unreadable(path, error))
    return local, failed


def _unreadable(path: Path, error: OSError) -> FailedFile:
    return FailedFile(path=str(path), code="unreadable", message=f"It cannot be read: {error.strerror or error}.")


def _ingested(known: KnownFile, attachment: Attachment | None) -> IngestedFile:
    counts = attachment.job.counts if attachment else {}
    return IngestedFile(
        path=str(known.local.path),
        file_id=known.file_id,
        bytes=known.local.n_bytes,
        pages=counts.get("pages") or None,
        chunks=counts.get("chunks"),
    )


def _failure(known: KnownFile, attachment: Attachment) -> FailedFile:
    path = str(known.local.path)
    if attachment.last_error is None:
        return FailedFile(path=path, code="cancelled", message="It was cancelled.")
    return FailedFile(path=path, code=attachment.last_error.code, message=attachment.last_error.message)


def _add_rows(table: Table, kind: str, files: Sequence[IngestedFile]) -> None:
    for file in files[:ROWS_OF_A_KIND]:
        table.add_row(kind, escape(printable(file.path)), _or_blank(file.pages), _or_blank(file.chunks), "")
    if len(files) > ROWS_OF_A_KIND:
        table.add_row(kind, f"… and {len(files) - ROWS_OF_A_KIND} more", "", "", "")


def _replacing(document: IngestDocument) -> str:
    return f" ({document.replaced} of them in place of older versions)" if document.replaced else ""


def _or_blank(number: int | None) -> str:
    return "" if number is None else str(number)
