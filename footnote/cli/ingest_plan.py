"""What has to be sent: a file whose name and bytes are at the server already is not uploaded a second time."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from footnote.cli.api_objects import Attachment, UploadedFile
from footnote.core.filenames import sanitised_filename

Identity = tuple[str, str]
"""Name and sha256: what makes two files the same."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on this machine."""

    path: Path
    sha256: str
    n_bytes: int

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
    """What is to be done: upload and attach, attach only (uploaded before, or failed before), or nothing.

    ``repeated`` are files that stand in the list twice, under other paths; they share what happens to the first.
    """

    upload: tuple[LocalFile, ...]
    attach: tuple[KnownFile, ...]
    present: tuple[KnownFile, ...]
    repeated: tuple[LocalFile, ...]


def read_local_file(path: Path) -> LocalFile:
    """Hash a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
        return LocalFile(path=path, sha256=digest.hexdigest(), n_bytes=stream.tell())


def plan_ingest(local: Iterable[LocalFile], *, uploaded: Iterable[UploadedFile], attached: Iterable[Attachment]) -> IngestPlan:
    """Compare what is here with what the server has.

    Args:
        local: files on this machine.
        uploaded: the caller's own files.
        attached: the collection's attachments.
    """
    states = {attachment.id: attachment.status for attachment in attached}
    known: dict[Identity, str] = {}
    # Where the same file was uploaded several times, one that is attached counts before one that is not.
    for file in sorted(uploaded, key=lambda file: file.id in states):
        known[file.filename, file.sha256] = file.id
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
        elif states.get(file_id) == "completed":
            present.append(KnownFile(file, file_id))
        else:
            attach.append(KnownFile(file, file_id))
        seen.add(file.identity)
    return IngestPlan(upload=tuple(upload), attach=tuple(attach), present=tuple(present), repeated=tuple(repeated))
