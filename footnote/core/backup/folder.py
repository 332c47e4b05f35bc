"""A folder of backups: the manifests, the content that they share, and a lock, so that one backup is made at a time."""

import errno
import fcntl
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from footnote.core.backup.content import ContentStore, sync_folder
from footnote.core.backup.manifest import Manifest, contents_of, from_text, manifest_name, manifests_in, to_text
from footnote.core.errors import Conflict, StorageUnavailable, UnusableBackup

MARK = "footnote-backups.json"
"""The file that says of a folder that it is one of backups; it is written into empty folders only."""

_LOCK = "backup.lock"
_OF_THE_FILE_SYSTEM = "lost+found"

_ADVICE = {
    errno.ENOSPC: "Free disk space and try again; backups that were made before are whole.",
    errno.EDQUOT: "The disk quota is used up; backups that were made before are whole.",
    errno.EROFS: "The file system is mounted read-only.",
    errno.EACCES: "Give this user the right to read and write there.",
}


class BackupFolder:
    """Backups of one installation. ``2026-11-21T09-00-00.000000Z.json`` is a backup; ``content/`` holds the bytes of all of them."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.content = ContentStore(self.path)

    @contextmanager
    def writing(self) -> Generator[None]:
        """Be the one that writes to the folder, which is made where there is none; for the length of the block.

        Raises:
            Conflict: another backup is being written there, or the folder holds something else.
            StorageUnavailable: it cannot be written.
        """
        with storage_errors(self.path):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._require_mark()
            lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._lock(lock)
            with storage_errors(self.path):
                self.content.open()
                try:
                    yield
                finally:
                    self.content.close()
        finally:
            os.close(lock)

    def publish(self, manifest: Manifest) -> Path:
        """Make a backup whose content is all there count, in one step."""
        path = self.path / manifest_name(manifest.created_at)
        temporary = self.content.temporary()
        with temporary.open("x", encoding="utf-8") as file:
            file.write(to_text(manifest))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(self.path)
        return path

    def keep_newest(self, n: int) -> list[Path]:
        """Remove all but the newest backups, and the content that only they held; return the removed manifests.

        A manifest that cannot be read says nothing about what it holds: with one among those that stay, content stays too.
        """
        manifests = manifests_in(self.path)
        old, kept = manifests[:-n], manifests[-n:]
        for path in old:
            path.unlink()
        sync_folder(self.path)
        with suppress(UnusableBackup):
            self.content.remove_all_but(contents_of([_read(path) for path in kept]))
        return old

    def backups(self) -> Sequence[Path]:
        """Return the manifests, oldest first."""
        with storage_errors(self.path):
            return manifests_in(self.path) if self.path.is_dir() else []

    def read(self, manifest: Path) -> Manifest:
        """Return a backup.

        Raises:
            UnusableBackup: its manifest is damaged.
        """
        with storage_errors(manifest):
            return _read(manifest)

    def _require_mark(self) -> None:
        """Mark an empty folder, and refuse one of something else: in it, what is removed as old could be somebody's."""
        mark = self.path / MARK
        if mark.is_file():
            return
        strangers = [entry.name for entry in self.path.iterdir() if entry.name != _OF_THE_FILE_SYSTEM and not entry.name.startswith(".")]
        if strangers and manifests_in(self.path):
            raise Conflict(
                f"{self.path} has backups and no file {MARK}, which says that nothing else is in it.",
                hint=f"If it holds footnote's backups alone, make an empty file {mark}; else name an empty folder.",
            )
        if strangers:
            raise Conflict(
                f"{self.path} holds something else than backups, such as {min(strangers)}.", hint="Name an empty folder, or one of backups."
            )
        mark.write_text('{"holds": "backups of footnote"}\n', encoding="utf-8")
        sync_folder(self.path)

    def _lock(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"Another backup is being written to {self.path}.", hint="Wait for it to end.") from error


def find_backup(path: Path) -> tuple[BackupFolder, Path]:
    """Return the folder and the manifest that a path names: a manifest, or a folder and then its newest backup.

    Raises:
        UnusableBackup: there is none.
        StorageUnavailable: it cannot be looked at.
    """
    with storage_errors(path):
        if path.is_file():
            return BackupFolder(path.parent), path
    folder = BackupFolder(path)
    found = folder.backups()
    if not found:
        raise UnusableBackup(f"There is no backup in {path}.", hint="`footnote backup DIR` makes one.")
    return folder, found[-1]


@contextmanager
def storage_errors(path: Path) -> Generator[None]:
    """Turn what the operating system says about files into ours."""
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(
            f"{error.filename or path} cannot be used: {error.strerror or error}.",
            hint=_ADVICE.get(error.errno or 0, "Check the disk."),
        ) from error


def _read(path: Path) -> Manifest:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UnusableBackup(f"The manifest {path.name} is damaged.", hint="Use another backup.") from error
    return from_text(text, name=path.name)
