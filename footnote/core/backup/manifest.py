"""The manifest: what a backup consists of. It is written last, in one step, so a backup is whole or not there."""

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from footnote.core.errors import UnusableBackup

FORMAT = 1
SUFFIX = ".json"
_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{6}Z\.json")
_HASH = r"^[0-9a-f]{64}$"

CatalogKind = Literal["sqlite", "postgresql"]
IndexKind = Literal["edge", "qdrant", "none"]


class Section(BaseModel):
    """A part of the manifest; one that a newer version has added is refused, not passed over."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Stored(Section):
    """Bytes of the backup: their sha256, under which they are stored, and their number."""

    sha256: str = Field(pattern=_HASH)
    size_bytes: int = Field(ge=0)


class CatalogPart(Section):
    """The catalog's copy: its kind, the schema's revision, and the rows of each table."""

    kind: CatalogKind
    revision: str
    rows: dict[str, int]


class Manifest(Section):
    """A backup.

    Args:
        format: the form of this file.
        footnote: the version that wrote it.
        created_at: when the catalog was copied; what changed later is not in the backup.
        catalog: the catalog's copy; its bytes are the file ``CATALOG``.
        index: the kind of index whose snapshot lies under ``index/``, or ``none``.
        files: every file but the blobs, by the path that it is restored to, with ``/`` between folders.
        blobs: size of each blob that files of the catalog refer to, by sha256.
        damaged: those of the blobs whose stored bytes were wrong or gone when the backup was made; it does not hold them.
    """

    format: int
    footnote: str
    created_at: datetime
    catalog: CatalogPart
    index: IndexKind
    files: dict[str, Stored]
    blobs: dict[str, int]
    damaged: tuple[str, ...] = ()

    @field_validator("files")
    @classmethod
    def _inside(cls, files: dict[str, Stored]) -> dict[str, Stored]:
        for name in files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or not path.parts:
                raise ValueError(f"{name} leads out of the data directory")
        return files

    def contents(self) -> dict[str, int]:
        """Return the size of everything that the backup holds, by sha256."""
        files = {stored.sha256: stored.size_bytes for stored in self.files.values()}
        return files | {sha256: size for sha256, size in self.blobs.items() if sha256 not in self.damaged}


CATALOG = "catalog"
"""The catalog's file in a manifest: a SQLite database, or what ``pg_dump`` wrote."""


def manifest_name(created_at: datetime) -> str:
    """Return the file name of a backup that was made at this time; names sort by time."""
    return f"{created_at:%Y-%m-%dT%H-%M-%S.%fZ}{SUFFIX}"


def to_text(manifest: Manifest) -> str:
    """Return the manifest as it is written: sealed by the sha256 of its own content."""
    content = manifest.model_dump(mode="json")
    return json.dumps({"sha256": _seal(content), **content}, indent=1, sort_keys=True) + "\n"


def from_text(text: str, *, name: str) -> Manifest:
    """Return a manifest that was read.

    Raises:
        UnusableBackup: it was changed, cut off, or written by a newer version.
    """
    try:
        content = json.loads(text)
        seal = content.pop("sha256")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise UnusableBackup(f"The manifest {name} is damaged.", hint=_ANOTHER) from error
    if content.get("format") != FORMAT:
        raise UnusableBackup(f"The manifest {name} has the form {content.get('format')}; this version of footnote reads {FORMAT}.")
    if seal != _seal(content):
        raise UnusableBackup(f"The manifest {name} is damaged: its content does not have its sha256.", hint=_ANOTHER)
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise UnusableBackup(f"The manifest {name} cannot be read: {error.errors()[0]['msg']}.", hint=_ANOTHER) from error


def manifests_in(folder: Path) -> list[Path]:
    """Return the manifests of a folder of backups, oldest first: the files with names of ``manifest_name``, and no other."""
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_file())


def contents_of(manifests: Iterable[Manifest]) -> set[str]:
    """Return the sha256 of everything that these backups hold."""
    return {sha256 for manifest in manifests for sha256 in manifest.contents()}


_ANOTHER = "Use another backup; `footnote backup --verify` checks them."


def _seal(content: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
