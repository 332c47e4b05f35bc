"""``footnote backup``: makes a backup beside a running server or without one, and checks those that there are."""

import asyncio
import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from footnote.cli.backup_making import BackupMaking
from footnote.cli.backup_steps import steps
from footnote.cli.failure import WRONG_USAGE, CommandFailed
from footnote.cli.json_documents import BackupCheckDocument, BackupDocument, CheckedBackup
from footnote.cli.terminal import messages, output
from footnote.core.backup import postgresql_catalog, sqlite_catalog
from footnote.core.backup.folder import BackupFolder, find_backup, storage_errors
from footnote.core.backup.manifest import CATALOG, Manifest
from footnote.core.data_directory import DataDirectory
from footnote.core.errors import Conflict, UnusableBackup
from footnote.core.settings import Settings


def backup(settings: Settings, target: Path, *, keep: int, without_index: bool) -> BackupDocument:
    """Make a backup in a folder, and remove the oldest ones there.

    Args:
        settings: what to back up.
        target: the folder; it is made where there is none.
        keep: backups that stay, the new one counted.
        without_index: leave the index out; after a restore every document is read again.

    Raises:
        CommandFailed, FootnoteError: it could not be made; the backups that were there before are whole.
    """
    started = time.monotonic()
    folder = BackupFolder(target)
    directory = DataDirectory(settings.data_dir)
    _refuse_inside(folder.path, directory.path)
    with _only_backup_of(directory), folder.writing(), steps(messages()) as begin:
        making = BackupMaking(settings, directory, folder.content, begin)
        manifest = asyncio.run(making.run(without_index=without_index))
        path = folder.publish(manifest)
        removed = folder.keep_newest(keep)
    return BackupDocument(
        path=str(path),
        created_at=manifest.created_at.isoformat(),
        files=len(manifest.blobs) - len(manifest.damaged),
        rows=sum(manifest.catalog.rows.values()),
        index=manifest.index,
        bytes=sum(manifest.contents().values()),
        bytes_added=folder.content.bytes_added,
        damaged=list(manifest.damaged),
        removed=[str(each) for each in removed],
        seconds=round(time.monotonic() - started, 1),
    )


def show_backup(document: BackupDocument) -> None:
    """Say what was made."""
    console = output()
    size = f"{document.bytes / 1e6:.1f} MB, {document.bytes_added / 1e6:.1f} MB of them new"
    index = "without the index" if document.index == "none" else "with the index"
    console.print(f"{escape(document.path)}: {document.files} files, {document.rows} rows, {index}; {size}.", soft_wrap=True)
    for path in document.removed:
        console.print(f"[dim]removed {escape(path)}[/]", soft_wrap=True)
    if document.damaged:
        n = len(document.damaged)
        console.print(f"[red]{n} stored files are damaged or lost where footnote keeps them; the backup does not hold them:[/]")
        _print_each(console, document.damaged)


def verify(target: Path) -> BackupCheckDocument:
    """Read a backup whole, or all backups of a folder, and compare with their manifests.

    Raises:
        UnusableBackup: there is none.
        StorageUnavailable: the folder cannot be looked at.
    """
    folder, newest = find_backup(target)
    manifests = [target] if newest == target else list(folder.backups())
    damages = _Damages(folder)
    checked = [_check(folder, path, damages) for path in manifests]
    return BackupCheckDocument(ok=all(each.ok for each in checked), backups=checked)


def show_check(document: BackupCheckDocument) -> None:
    """Print a line for each backup, and what is wrong with it."""
    console = output()
    for each in document.backups:
        console.print(f"{'[green]ok[/]  ' if each.ok else '[red]fail[/]'}  {escape(each.path)}", soft_wrap=True)
        _print_each(console, each.complaints)
    if not document.ok:
        console.print("\nRemove the files that are named: the next backup copies content anew, as far as footnote still has it.")


class _Damages:
    """What is wrong with the content of a folder; each is read once, however many backups hold it."""

    def __init__(self, folder: BackupFolder) -> None:
        self._content = folder.content
        self._known: dict[tuple[str, int], str | None] = {}

    def of(self, sha256: str, size_bytes: int) -> str | None:
        key = (sha256, size_bytes)
        if key not in self._known:
            self._known[key] = self._content.damage(sha256, size_bytes)
        return self._known[key]


def _check(folder: BackupFolder, path: Path, damages: _Damages) -> CheckedBackup:
    try:
        manifest = folder.read(path)
    except UnusableBackup as error:
        return CheckedBackup(path=str(path), ok=False, complaints=[f"{error.message} Remove that file: without it this is no backup."])
    try:
        complaints = _complaints(folder, manifest, damages)
    except UnusableBackup as error:
        complaints = [error.message]
    return CheckedBackup(path=str(path), ok=not complaints, complaints=complaints)


def _complaints(folder: BackupFolder, manifest: Manifest, damages: _Damages) -> list[str]:
    found = [damages.of(sha256, size_bytes) for sha256, size_bytes in sorted(manifest.contents().items())]
    damaged = [damage for damage in found if damage is not None]
    # A catalog whose bytes were changed is not worth asking.
    return damaged or _compare_catalog(manifest, folder.content.path(manifest.files[CATALOG].sha256))


def _compare_catalog(manifest: Manifest, catalog: Path) -> list[str]:
    if manifest.catalog.kind == "postgresql":
        return asyncio.run(postgresql_catalog.check(catalog))
    census = sqlite_catalog.census_of(catalog)
    wrong = [
        f"the catalog's table {table} has {census.rows.get(table, 0)} rows, the manifest says {n}"
        for table, n in manifest.catalog.rows.items()
        if census.rows.get(table) != n
    ]
    unnamed = census.blobs.keys() - manifest.blobs.keys()
    return [*sqlite_catalog.check(catalog), *wrong, *(f"the catalog names the file {sha256}, the manifest does not" for sha256 in unnamed)]


def _print_each(console: Console, lines: list[str]) -> None:
    for line in lines:
        console.print(f"      {escape(line)}", soft_wrap=True)


def _refuse_inside(target: Path, data_dir: Path) -> None:
    if target == data_dir or data_dir in target.parents:
        raise CommandFailed(
            f"{target} lies in the data directory, and would be lost with it.", hint="Name a folder elsewhere.", exit_status=WRONG_USAGE
        )


@contextmanager
def _only_backup_of(directory: DataDirectory) -> Generator[None]:
    """Be the only backup of a data directory while the block lasts: there is one place for the index's copy.

    Raises:
        Conflict: another one is being made.
        CommandFailed: there is no such directory.
    """
    if not directory.path.is_dir():
        raise CommandFailed(f"There is no data directory {directory.path}.", hint="Name it with --data-dir.")
    with storage_errors(directory.path):
        lock = os.open(directory.backup_lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Conflict(f"Another backup of {directory.path} is being made.", hint="Wait for it to end.") from error
    finally:
        os.close(lock)
