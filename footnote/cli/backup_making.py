"""Making a backup: a consistent copy of catalog, stored files, index and adapters, beside a running server or without one.

The catalog is copied first, the index after it, and then what the catalog's copy names of the stored files. So a file that the copy knows
is missing only where it was erased meanwhile, and then the catalog is copied again. What the index has gained or lost since the catalog's
moment is put right when the backup is restored (``footnote.cli.restore``).
"""

import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import footnote
from footnote.cli.api_client import ApiClient
from footnote.cli.backup_steps import Begin
from footnote.cli.connection import wait_for_server
from footnote.core.backup import postgresql_catalog, sqlite_catalog
from footnote.core.backup.census import Census
from footnote.core.backup.content import ContentStore
from footnote.core.backup.manifest import CATALOG, FORMAT, CatalogKind, CatalogPart, Manifest, Stored
from footnote.core.blobs.factory import create_blob_store
from footnote.core.catalog.database import sqlite_path
from footnote.core.data_directory import DataDirectory, RunningServer, find_running_server
from footnote.core.errors import CatalogUnavailable, Conflict, DataDirectoryInUse, NotFound
from footnote.core.settings import Settings

PASSES = 10
"""How often the catalog is copied again because files were erased while they were copied."""

QDRANT = "qdrant"
"""Where a manifest has the snapshots of a Qdrant server's collections, by name."""

Files = dict[str, Stored]


class BackupMaking:
    """One backup on its way into the content of a folder."""

    def __init__(self, settings: Settings, directory: DataDirectory, content: ContentStore, begin: Begin) -> None:
        self._settings = settings
        self._directory = directory
        self._content = content
        self._begin = begin
        self._blobs = create_blob_store(settings.blobs, folder=directory.blobs)

    async def run(self, *, without_index: bool) -> Manifest:
        """Copy everything, and return what was copied.

        Raises:
            Conflict: files were erased all the time.
            FootnoteError: a store does not answer, or the disk is full.
        """
        await self._blobs.open()
        try:
            return await self._run(without_index=without_index)
        finally:
            await self._blobs.close()

    async def _run(self, *, without_index: bool) -> Manifest:
        # Most of the bytes come before the moment of the backup, so that little time passes between its parts.
        await self._copy_blobs((await self._present_census()).blobs)
        lacking: frozenset[str] = frozenset()
        for _ in range(PASSES):
            created_at = datetime.now(UTC)
            files, census = await self._copy_catalog()
            files |= {} if without_index else await self._copy_index()
            files |= self._copy_adapters()
            still_lacking = await self._copy_blobs(census.blobs)
            if still_lacking <= lacking:  # the catalog goes on naming them: they were lost, not erased
                return Manifest(
                    format=FORMAT,
                    footnote=footnote.__version__,
                    created_at=created_at,
                    catalog=CatalogPart(kind=catalog_kind(self._settings), revision=census.revision, rows=census.rows),
                    index="none" if without_index else self._settings.index.kind,
                    files=files,
                    blobs=census.blobs,
                    damaged=tuple(sorted(still_lacking)),
                )
            lacking |= still_lacking
        raise Conflict("Files were erased all the time while they were copied.", hint="Try again when less is going on.")

    async def _present_census(self) -> Census:
        if catalog_kind(self._settings) == "postgresql":
            return await postgresql_catalog.census_of(str(self._settings.catalog.url))
        return sqlite_catalog.census_beside(self._catalog_file())

    async def _copy_catalog(self) -> tuple[Files, Census]:
        advance = self._begin("catalog", 1)
        copy = self._content.temporary()
        if catalog_kind(self._settings) == "postgresql":
            census = await postgresql_catalog.dump_catalog(str(self._settings.catalog.url), copy)
        else:
            sqlite_catalog.copy_catalog(self._catalog_file(), copy)
            census = sqlite_catalog.census_of(copy)
        files = {CATALOG: self._content.move_in(copy)}
        advance()
        return files, census

    async def _copy_blobs(self, blobs: Mapping[str, int]) -> frozenset[str]:
        """Copy what is not there yet; return those that cannot be had: erased meanwhile, damaged or lost."""
        missing = {sha256: size for sha256, size in blobs.items() if not self._content.has(sha256, size)}
        advance = self._begin("files", len(missing))
        lacking: set[str] = set()
        for sha256, size in missing.items():
            kept = None
            with suppress(NotFound):
                kept = await self._content.add_stream(self._blobs.read(sha256), expected=Stored(sha256=sha256, size_bytes=size))
            if kept is None:
                lacking.add(sha256)
            advance()
        return frozenset(lacking)

    async def _copy_index(self) -> Files:
        if self._settings.index.kind == "qdrant":
            return await self._copy_server_index()
        with edge_files(self._settings, self._directory) as paths:
            return self._copy_files("index", paths)

    async def _copy_server_index(self) -> Files:
        from retrieval.index.server_backup import qdrant_snapshots  # noqa: PLC0415  # only where a server is used

        files: Files = {}
        async with qdrant_snapshots(self._settings.index) as snapshots:
            names = await snapshots.collections()
            advance = self._begin("index", len(names))
            for name in names:
                await snapshots.require_one_node(name)
                stored = await self._content.add_stream(snapshots.fetch(name))
                assert stored is not None, "nothing else was expected"
                files[f"{QDRANT}/{name}"] = stored
                advance()
        return files

    def _copy_adapters(self) -> Files:
        folder = self._directory.adapters
        paths = {path.relative_to(self._directory.path).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
        return self._copy_files("adapters", paths) if paths else {}

    def _copy_files(self, step: str, paths: Mapping[str, Path]) -> Files:
        advance = self._begin(step, len(paths))
        files: Files = {}
        for restored_to, path in paths.items():
            files[restored_to] = self._content.add_file(path)
            advance()
        return files

    def _catalog_file(self) -> Path:
        url = self._settings.catalog.url
        path = self._directory.catalog if url is None else sqlite_path(url) or self._directory.catalog
        if not path.is_file():
            raise CatalogUnavailable(f"There is no catalog {path}.", hint="Name footnote's data directory with --data-dir.")
        return path


def catalog_kind(settings: Settings) -> CatalogKind:
    """Return which database the settings name."""
    url = settings.catalog.url
    return "sqlite" if url is None or sqlite_path(url) is not None else "postgresql"


@contextmanager
def edge_files(settings: Settings, directory: DataDirectory) -> Generator[dict[str, Path]]:
    """Yield the files of a copy of the Edge indexes, by the path that they are restored to.

    A server that runs makes the copy, since the index is its own; without one the directory is owned, and the index itself is read.

    Raises:
        DataDirectoryInUse: another process owns the directory, and no server answers in time.
        CommandFailed, FootnoteError: the server could not copy it.
    """
    running = find_running_server(directory.path)
    if running is None:
        try:
            with directory.owned():
                yield _files_in(directory.path)
                return
        except DataDirectoryInUse:  # a server that is starting
            running = wait_for_server(settings)
    copy = _copy_of_server(running, directory)
    try:
        yield _files_in(copy)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _copy_of_server(running: RunningServer, directory: DataDirectory) -> Path:
    with ApiClient(running.url, token=running.token.get_secret_value()) as client:
        name = client.snapshot_index()
    if name is None:
        raise Conflict("The running server has its index elsewhere.", hint="Run this command with the server's own settings.")
    return directory.path / name


def _files_in(folder: Path) -> dict[str, Path]:
    from retrieval.index.edge_backup import files_of, index_folders  # noqa: PLC0415  # loads the engine

    return {path.relative_to(folder).as_posix(): path for index in index_folders(folder) for path in files_of(index)}
