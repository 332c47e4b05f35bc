"""``footnote restore``: brings a backup back into an empty data directory, and its index into line with its catalog."""

import asyncio
import shutil
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape

from footnote.cli.backup_making import QDRANT, catalog_kind
from footnote.cli.backup_steps import Begin, steps
from footnote.cli.json_documents import RestoreDocument
from footnote.cli.terminal import messages, output
from footnote.core.backup import postgresql_catalog, sqlite_catalog
from footnote.core.backup.begun import Begun, read_begun
from footnote.core.backup.census import Vectors, require_known_revision
from footnote.core.backup.content import ContentStore, pieces_of
from footnote.core.backup.folder import find_backup, storage_errors
from footnote.core.backup.manifest import CATALOG, Manifest, Stored
from footnote.core.blobs import BlobStore
from footnote.core.blobs.factory import create_blob_store
from footnote.core.catalog.database import sqlite_path
from footnote.core.data_directory import DataDirectory
from footnote.core.errors import Conflict, IndexSchemaMismatch, IndexUnavailable, UnusableBackup
from footnote.core.ids import new_id
from footnote.core.orphans import is_empty
from footnote.core.settings import Settings


def restore(settings: Settings, source: Path) -> RestoreDocument:
    """Restore a backup, or the newest of a folder, into the stores that the settings name, which have to be empty.

    Raises:
        UnusableBackup: there is none, it is damaged, a newer footnote made it, or its stores are not those of the settings.
        Conflict: a store is not empty.
        FootnoteError: a store does not answer, or the disk is full. The data directory is then refused until it is restored anew.
    """
    started = time.monotonic()
    folder, path = find_backup(source)
    manifest = folder.read(path)
    _refuse_what_does_not_fit(manifest, settings)
    with storage_errors(folder.path):
        _require_everything(manifest, folder.content)
    directory = DataDirectory(settings.data_dir)
    with directory.being_filled(), storage_errors(directory.path), steps(messages()) as begin:
        agreement = asyncio.run(_Restoring(settings, directory, manifest, folder.content, begin).run())
    return RestoreDocument(
        path=str(path),
        created_at=manifest.created_at.isoformat(),
        data_dir=str(directory.path),
        files=len(manifest.blobs) - len(manifest.damaged),
        rows=sum(manifest.catalog.rows.values()),
        points=agreement.n_points,
        points_dropped=agreement.n_dropped,
        versions_to_read_again=agreement.n_to_read_again,
        lost=list(manifest.damaged),
        seconds=round(time.monotonic() - started, 1),
    )


def show_restore(document: RestoreDocument) -> None:
    """Say what is there now."""
    console = output()
    console.print(
        f"{escape(document.data_dir)} is as it was on {document.created_at}: "
        f"{document.files} files, {document.rows} rows, {document.points} points.",
        soft_wrap=True,
    )
    if document.versions_to_read_again:
        console.print(f"{document.versions_to_read_again} documents are not in the index: the next `footnote serve` reads them again.")
    if document.lost:
        console.print(f"[red]{len(document.lost)} files were damaged or lost already when the backup was made.[/]")
    console.print("What was erased since then is back: erase it again.")


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the restored index and the restored catalog agree.

    Args:
        n_points: points in the index.
        n_dropped: points of versions that the catalog does not know, which are gone now.
        n_to_read_again: versions that the index lacks points of.
    """

    n_points: int
    n_dropped: int
    n_to_read_again: int


def agreement_of(expected: Mapping[str, int], kept: Mapping[str, int], *, n_dropped: int) -> Agreement:
    """Compare the points that the catalog expects of each version with those that are there."""
    lacking = [version for version, n in expected.items() if kept.get(version, 0) < n]
    return Agreement(n_points=sum(kept.values()), n_dropped=n_dropped, n_to_read_again=len(lacking))


class _Restoring:
    """One restore on its way."""

    def __init__(self, settings: Settings, directory: DataDirectory, manifest: Manifest, content: ContentStore, begin: Begin) -> None:
        self._settings = settings
        self._directory = directory
        self._manifest = manifest
        self._content = content
        self._begin = begin
        self._begun = Begun(installation=new_id("ins"))

    async def run(self) -> Agreement:
        """Bring everything back, and return how index and catalog agree. Before anything is written all stores are looked at."""
        store = create_blob_store(self._settings.blobs, folder=self._directory.blobs)
        await store.open()
        try:
            former = read_begun(self._directory.restoring_file)
            if former is not None:
                await self._drop(former)
            await self._require_empty_stores(store, former)
            self._note(blobs=self._blobs_place())
            await store.mark(self._begun.installation)
            await self._put_blobs(store)
            self._restore_files()
            collections = await self._restore_server_index()
            vectors = await self._restore_catalog()
            has_id = await self._give_id()
            agreement = await self._bring_into_line(vectors, collections)
            if not has_id:
                await store.mark("")  # a catalog of an earlier version gets an id, and the store its mark, when the server opens them
            return agreement
        finally:
            await store.close()

    async def _drop(self, former: Begun) -> None:
        """Remove what a restore that was broken off has made at the places that the settings name. Files are put there again."""
        if former.catalog is not None and former.catalog == self._catalog_place():
            if catalog_kind(self._settings) == "postgresql":
                await postgresql_catalog.drop_restored(str(self._settings.catalog.url), former.rows)
            elif self._catalog_file.exists() and sqlite_catalog.census_of(self._catalog_file).rows == former.rows:
                self._catalog_file.unlink()
        if former.collections and self._settings.index.kind == "qdrant" and former.index == self._settings.index.url:
            from retrieval.index.server_backup import qdrant_snapshots  # noqa: PLC0415  # only where a server is used

            async with qdrant_snapshots(self._settings.index) as snapshots:
                for name in former.collections:
                    await snapshots.drop(name)

    async def _require_empty_stores(self, store: BlobStore, former: Begun | None) -> None:
        """Refuse stores with something in them.

        Raises:
            Conflict: one has; nothing has been written.
        """
        try:
            await self._require_no_blobs(store, former)
            if catalog_kind(self._settings) == "postgresql":
                await postgresql_catalog.require_empty(str(self._settings.catalog.url))
            elif self._catalog_file.exists():
                raise Conflict(
                    f"There is a catalog {self._catalog_file} already.", hint="Move it away, or set catalog.url to another place."
                )
            await self._require_no_collections()
        except Conflict:
            if former is None:
                self._directory.restoring_file.unlink(missing_ok=True)
            raise

    async def _require_no_blobs(self, store: BlobStore, former: Begun | None) -> None:
        is_ours = former is not None and former.blobs == self._blobs_place() and await store.installation() in (former.installation, None)
        if not is_ours and not await is_empty(store):
            raise Conflict(
                f"The store of files at {self._blobs_place()} is not empty.",
                hint="Set blobs.url to another bucket or prefix: what is there is another installation's.",
                param="blobs.url",
            )

    async def _require_no_collections(self) -> None:
        wanted = self._collections()
        if not wanted:
            return
        from retrieval.index.server_backup import qdrant_snapshots  # noqa: PLC0415  # only where a server is used

        async with qdrant_snapshots(self._settings.index) as snapshots:
            there = sorted(wanted.keys() & set(await snapshots.collections()))
        if there:
            raise Conflict(
                f"The Qdrant server has a collection {there[0]} already.", hint="Set index.url to an empty server, or remove it there."
            )

    def _note(self, **made: object) -> None:
        """Write down what is about to be made, before it is."""
        self._begun = self._begun.model_copy(update=made)
        self._begun.write(self._directory.restoring_file)

    def _blobs_place(self) -> str:
        blobs = self._settings.blobs
        return str(self._directory.blobs) if blobs.url is None else f"{blobs.url} {blobs.endpoint or ''}".strip()

    def _catalog_place(self) -> str:
        if catalog_kind(self._settings) == "sqlite":
            return str(self._catalog_file.absolute())
        return postgresql_catalog.place_of(str(self._settings.catalog.url))

    @property
    def _catalog_file(self) -> Path:
        url = self._settings.catalog.url
        return self._directory.catalog if url is None else sqlite_path(url) or self._directory.catalog

    def _collections(self) -> dict[str, Stored]:
        if self._settings.index.kind != "qdrant":
            return {}
        return {name.removeprefix(f"{QDRANT}/"): stored for name, stored in self._manifest.files.items() if _is_in(name, QDRANT)}

    async def _give_id(self) -> bool:
        if catalog_kind(self._settings) == "postgresql":
            return await postgresql_catalog.give_id(str(self._settings.catalog.url), self._begun.installation)
        return sqlite_catalog.give_id(self._catalog_file, self._begun.installation)

    async def _put_blobs(self, store: BlobStore) -> None:
        wanted = {sha256: size for sha256, size in self._manifest.blobs.items() if sha256 not in self._manifest.damaged}
        advance = self._begin("files", len(wanted))
        for sha256, size in wanted.items():
            stored = await store.put(_stream(self._content.path(sha256)), max_bytes=size)
            if stored.sha256 != sha256:
                await store.delete(stored.sha256)
                raise UnusableBackup(f"The backup is damaged: {self._content.path(sha256)} was changed.", hint="Use another backup.")
            advance()

    def _restore_files(self) -> None:
        files = _wanted_files(self._manifest, with_edge=self._settings.index.kind == "edge")
        advance = self._begin("index", len(files))
        for name, stored in files.items():
            self._content.write_to(stored.sha256, self._directory.path / name)
            advance()

    async def _restore_server_index(self) -> list[str]:
        collections = self._collections()
        if not collections:
            return []
        from retrieval.index.server_backup import qdrant_snapshots  # noqa: PLC0415  # only where a server is used

        async with qdrant_snapshots(self._settings.index) as snapshots:
            for name, stored in collections.items():
                self._note(index=self._settings.index.url, collections=[*self._begun.collections, name])
                await snapshots.restore(name, self._content.path(stored.sha256))
        return list(collections)

    async def _restore_catalog(self) -> Vectors:
        advance = self._begin("catalog", 1)
        sha256 = self._manifest.files[CATALOG].sha256
        self._note(catalog=self._catalog_place(), rows=self._manifest.catalog.rows)
        if catalog_kind(self._settings) == "postgresql":
            url = str(self._settings.catalog.url)
            await postgresql_catalog.restore_catalog(url, self._content.path(sha256))
            vectors = await postgresql_catalog.vectors_of(url)
        else:
            incoming = self._catalog_file.with_name(f"{self._catalog_file.name}.restoring")
            incoming.unlink(missing_ok=True)  # of a restore that was killed
            self._content.write_to(sha256, incoming)
            incoming.replace(self._catalog_file)
            vectors = sqlite_catalog.vectors_of(self._catalog_file)
        advance()
        return vectors

    async def _bring_into_line(self, vectors: Vectors, collections: list[str]) -> Agreement:
        kept: dict[str, int] = {}
        n_dropped = 0
        for kept_there, n_dropped_there in await self._keep_only(vectors, collections):
            kept |= kept_there
            n_dropped += n_dropped_there
        return agreement_of(vectors.expected, kept, n_dropped=n_dropped)

    async def _keep_only(self, vectors: Vectors, collections: list[str]) -> list[tuple[Mapping[str, int], int]]:
        if collections:
            from retrieval.index.server_backup import qdrant_snapshots  # noqa: PLC0415  # as above

            async with qdrant_snapshots(self._settings.index) as snapshots:
                return [await snapshots.keep_only(name, vectors.known) for name in collections]
        if not any(_is_of_edge(name) for name in self._manifest.files) or self._settings.index.kind != "edge":
            return []
        from retrieval.index.edge_backup import index_folders, keep_only  # noqa: PLC0415  # loads the engine

        kept: list[tuple[Mapping[str, int], int]] = []
        for index in index_folders(self._directory.path):
            try:
                kept.append(keep_only(index, vectors.known))
            except (IndexUnavailable, IndexSchemaMismatch) as error:
                # The catalog has everything that an index is made of.
                messages().print(f"[yellow]{escape(str(index))} cannot be opened and is left out: {escape(error.message)}[/]")
                shutil.rmtree(index)
        return kept


def _refuse_what_does_not_fit(manifest: Manifest, settings: Settings) -> None:
    require_known_revision(manifest.catalog.revision)
    if manifest.catalog.kind != catalog_kind(settings):
        raise UnusableBackup(
            f"The backup's catalog is one of {manifest.catalog.kind}, the settings name one of {catalog_kind(settings)}.",
            hint="Set catalog.url to the same kind of database.",
        )


def _require_everything(manifest: Manifest, content: ContentStore) -> None:
    """Refuse before anything is written what `--verify` would find by names and sizes."""
    missing = [sha256 for sha256, size in manifest.contents().items() if not content.has(sha256, size)]
    if missing:
        raise UnusableBackup(
            f"The backup is incomplete: {content.path(missing[0])} is missing or too short, and {len(missing) - 1} others.",
            hint="Use another backup; `footnote backup --verify` checks them.",
        )


def _wanted_files(manifest: Manifest, *, with_edge: bool) -> dict[str, Stored]:
    files = {name: stored for name, stored in manifest.files.items() if name != CATALOG and not _is_in(name, QDRANT)}
    return files if with_edge else {name: stored for name, stored in files.items() if not _is_of_edge(name)}


def _is_of_edge(name: str) -> bool:
    return name != CATALOG and not _is_in(name, QDRANT) and not _is_in(name, "adapters")


def _is_in(name: str, folder: str) -> bool:
    return name.startswith(f"{folder}/")


async def _stream(path: Path) -> AsyncGenerator[bytes]:
    for piece in pieces_of(path):
        yield piece
