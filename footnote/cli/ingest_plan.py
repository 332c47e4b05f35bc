"""What has to be sent: a file whose name and bytes are at the server already is not uploaded a second time."""

import hashlib
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from footnote.cli.api_objects import Attachment, UploadedFile
from footnote.core.filenames import sanitised_filename

Identity = tuple[str, str]
"""Name and sha256: what makes two files the same."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on this machine. ``source`` stands for machine and path, without telling them: what comes from there replaces what came."""

    path: Path
    sha256: str
    n_bytes: int
    source: str = ""

    @property
    def identity(self) -> Identity:
        return sanitised_filename(self.path.name), self.sha256


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A local file with its id at the server."""

    local: LocalFile
    file_id: str


@dataclass(frozen=True, slots=True)
class IngestPlan:
    """What is to be done: upload and attach, attach only (uploaded before, failed before, or about to be replaced), or nothing.

    ``repeated`` are files that stand in the list twice, under other paths; they share what happens to the first. ``replaced`` says by the
    source of a local file which files of the same name it takes the place of. ``moved`` are those present that came from another path: the
    server is told, so that the next version replaces them.
    """

    upload: tuple[LocalFile, ...]
    attach: tuple[KnownFile, ...]
    present: tuple[KnownFile, ...]
    repeated: tuple[LocalFile, ...]
    moved: tuple[KnownFile, ...] = ()
    replaced: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


def read_local_file(path: Path) -> LocalFile:
    """Hash a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
        return LocalFile(path=path, sha256=digest.hexdigest(), n_bytes=stream.tell(), source=source_of(path))


def source_of(path: Path) -> str:
    """Return what stands for a path of this machine: a hash, which tells readers of a collection neither."""
    return hashlib.sha256(f"{socket.gethostname()}\0{path.resolve()}".encode(errors="surrogateescape")).hexdigest()


def plan_ingest(
    local: Sequence[LocalFile], *, uploaded: Iterable[UploadedFile], attached: Iterable[Attachment], replace: bool = False
) -> IngestPlan:
    """Compare what is here with what the server has.

    Args:
        local: files on this machine.
        uploaded: the caller's own files.
        attached: the collection's attachments.
        replace: have new files take the place of the caller's files of the same name, wherever those came from.
    """
    mine = {file.id: (file.filename, file.sha256) for file in uploaded}
    there = {attachment.id: attachment for attachment in attached}
    going = _going(local, there.values(), mine)
    known: dict[Identity, str] = {}
    # Where the same file was uploaded several times, one that is attached and stays counts before one that is not.
    for file_id in sorted(mine, key=lambda file_id: (file_id in there, file_id not in going)):
        known[mine[file_id]] = file_id
    seen: set[Identity] = set()
    upload: list[LocalFile] = []
    attach: list[KnownFile] = []
    present: list[KnownFile] = []
    repeated: list[LocalFile] = []
    for file in local:
        file_id = known.get(file.identity)
        if file.identity in seen:
            repeated.append(file)
        elif file_id is None:
            upload.append(file)
        elif file_id in there and there[file_id].status == "completed" and file_id not in going:
            present.append(KnownFile(file, file_id))
        else:
            attach.append(KnownFile(file, file_id))
        seen.add(file.identity)
    new = [*upload, *(known.local for known in attach)]
    replaced = _of_the_same_name(new, local, there, mine) if replace else {}
    here = {file.source for file in local}
    moved = tuple(known for known in present if known.local.source and there[known.file_id].job.source not in here)
    return IngestPlan(
        upload=tuple(upload), attach=tuple(attach), present=tuple(present), repeated=tuple(repeated), moved=moved, replaced=replaced
    )


def _going(local: Iterable[LocalFile], there: Iterable[Attachment], mine: Mapping[str, Identity]) -> set[str]:
    """Return the attachments that something takes the place of: a newer version from the same path, or what was attached for it before."""
    now = {file.source: file.identity for file in local if file.source}
    return {
        each.id
        for each in there
        if each.job.replaced_by is not None or (each.job.source in now and mine.get(each.id, now[each.job.source]) != now[each.job.source])
    }


def _of_the_same_name(
    new: Iterable[LocalFile], local: Iterable[LocalFile], there: Iterable[str], mine: Mapping[str, Identity]
) -> dict[str, tuple[str, ...]]:
    """Return by the source of a new file which others of its name it replaces: each is given to one file, and none that is still here."""
    kept = {file.identity for file in local}
    stale: dict[str, list[str]] = {}
    for file_id in there:
        if file_id in mine and mine[file_id] not in kept:
            stale.setdefault(mine[file_id][0], []).append(file_id)
    return {file.source: tuple(found) for file in new if (found := stale.pop(file.identity[0], None))}
