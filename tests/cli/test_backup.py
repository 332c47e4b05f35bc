"""``footnote backup`` and ``footnote restore`` on real stores without a server: what is in a backup, and what is refused."""
# ruff: noqa: ASYNC220, ASYNC221, ASYNC240, ASYNC251 - nothing else runs on these tests' loop

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from footnote.cli import backup_making
from footnote.cli.backup import backup, verify
from footnote.cli.backup_making import BackupMaking
from footnote.cli.failure import CommandFailed
from footnote.cli.json_documents import BackupDocument
from footnote.cli.restore import agreement_of, restore
from footnote.core.backup.folder import BackupFolder, find_backup
from footnote.core.backup.manifest import CATALOG, Manifest, to_text
from footnote.core.blobs import FolderBlobStore
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.database import sqlite_url
from footnote.core.data_directory import DataDirectory
from footnote.core.errors import CatalogUnavailable, Conflict, DataDirectoryInUse, IndexUnavailable, StorageUnavailable, UnusableBackup
from footnote.core.orphans import remove_orphans
from footnote.core.settings import Settings, load_settings
from footnote.core.types import EVERYONE
from retrieval.index.edge import EdgeIndex
from retrieval.index.server_backup import QdrantSnapshots
from tests.core.backup.forgetting import forget
from tests.core.catalog.story import attach, collection, ingest, upload
from tests.retrieval.index.points import RECIPE, point
from tests.retrieval.index.test_server_backup import OURS, ScriptedQdrant

FOOTNOTE = Path(sys.executable).with_name("footnote")


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data


class Installation:
    """A data directory with a catalog, blobs, an index and an adapter, that no server has open."""

    def __init__(self, path: Path) -> None:
        self.settings = settings_of(path)
        self.directory = DataDirectory(path)
        self.catalog = Catalog(sqlite_url(self.directory.catalog))
        self.blobs = FolderBlobStore(self.directory.blobs)

    async def open(self) -> None:
        await self.catalog.open(default_principals=(EVERYONE,))
        await self.blobs.open()
        self.collection = await collection(self.catalog)

    async def add(self, text: str) -> str:
        """Upload and ingest a text; return its version."""
        await self.blobs.put(pieces(text.encode()), max_bytes=len(text.encode()))
        file = await upload(self.catalog, text=text, filename=f"{text}.txt")
        await attach(self.catalog, self.collection, file)
        return await ingest(self.catalog, text=text)

    async def index(self, *versions: str) -> None:
        """Write a point for each version."""
        index = EdgeIndex(self.directory.index, recipe=RECIPE)
        await index.open()
        await index.upsert([point(f"chunk of {version}", version=version) for version in versions])
        await index.close()


def settings_of(path: Path, **sections: object) -> Settings:
    return load_settings({"data_dir": path, **sections})


@pytest.fixture
async def installed(migrated_catalog: Path, tmp_path: Path) -> AsyncIterator[Installation]:
    made = Installation(tmp_path / "data")
    made.directory.create()
    shutil.copyfile(migrated_catalog, made.directory.catalog)
    await made.open()
    yield made
    await made.catalog.close()


def made_in(installed: Installation, tmp_path: Path, **options: object) -> BackupDocument:
    return in_thread(lambda: backup(installed.settings, tmp_path / "backups", keep=7, without_index=False, **options))


def in_thread(work):
    """The commands run an event loop of their own, and the tests have one already."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(work).result()


def manifest_of(document: BackupDocument) -> Manifest:
    folder, path = find_backup(Path(document.path))
    return folder.read(path)


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


async def test_all_of_it_comes_back(installed: Installation, tmp_path: Path):
    versions = [await installed.add(text) for text in ("Tides follow the moon.", "Gales follow the season.")]
    await installed.index(*versions)
    adapter = installed.directory.adapters / "ada_1" / "adapter.safetensors"
    adapter.parent.mkdir(parents=True)
    adapter.write_bytes(b"weights")
    document = made_in(installed, tmp_path)
    assert (document.files, document.index, document.damaged) == (2, "edge", [])
    assert verify(tmp_path / "backups").ok

    restored = in_thread(lambda: restore(settings_of(tmp_path / "restored"), tmp_path / "backups"))
    assert (restored.files, restored.points, restored.points_dropped, restored.versions_to_read_again) == (2, 2, 0, 0)
    there = DataDirectory(tmp_path / "restored")
    assert (there.adapters / "ada_1" / "adapter.safetensors").read_bytes() == b"weights"
    blobs = files_of(there.blobs)
    del blobs["installation.id"]
    assert blobs == files_of(installed.directory.blobs)
    assert not there.restoring_file.exists()
    again = Catalog(sqlite_url(there.catalog))
    assert [await again.versions.text_of(version) for version in versions] == ["Tides follow the moon.", "Gales follow the season."]
    await again.close()
    index = EdgeIndex(there.index, recipe=RECIPE)
    await index.open()
    assert [await index.count(version_id=version) for version in versions] == [1, 1]
    await index.close()


async def test_a_second_backup_adds_only_what_is_new(installed: Installation, tmp_path: Path):
    version = await installed.add("Tides follow the moon.")
    await installed.index(version)
    first = made_in(installed, tmp_path)
    again = made_in(installed, tmp_path)
    assert again.bytes == first.bytes == first.bytes_added
    assert again.bytes_added == 0
    await installed.add("Gales follow the season.")
    third = made_in(installed, tmp_path)
    catalog = manifest_of(third).files[CATALOG].size_bytes
    assert third.bytes_added == catalog + len("Gales follow the season.")


async def test_index_and_catalog_are_brought_into_line(installed: Installation, tmp_path: Path):
    indexed, lost = [await installed.add(text) for text in ("Tides follow the moon.", "Gales follow the season.")]
    await installed.index(indexed, "ver_unknown_to_the_catalog")
    made_in(installed, tmp_path)
    restored = in_thread(lambda: restore(settings_of(tmp_path / "restored"), tmp_path / "backups"))
    assert (restored.points, restored.points_dropped, restored.versions_to_read_again) == (1, 1, 1)
    index = EdgeIndex(DataDirectory(tmp_path / "restored").index, recipe=RECIPE)
    await index.open()
    assert [await index.count(version_id=version) for version in (indexed, lost, "ver_unknown_to_the_catalog")] == [1, 0, 0]
    await index.close()


async def test_an_index_that_cannot_be_opened_is_left_out(installed: Installation, tmp_path: Path):
    await installed.index(await installed.add("Tides follow the moon."))
    for segment in installed.directory.index.glob("shard-*/segments/*/segment.json"):
        segment.write_text("torn")
    made_in(installed, tmp_path)
    restored = in_thread(lambda: restore(settings_of(tmp_path / "restored"), tmp_path / "backups"))
    assert (restored.points, restored.versions_to_read_again) == (0, 1)
    assert not list(DataDirectory(tmp_path / "restored").index.rglob("index.json"))


def test_agreement_counts_versions_that_lack_points():
    assert agreement_of({"a": 2, "b": 1, "c": 3}, {"a": 2, "c": 2, "kept": 9}, n_dropped=4).n_to_read_again == 2
    assert agreement_of({}, {"a": 2}, n_dropped=0).n_points == 2


async def test_the_index_can_be_left_out(installed: Installation, tmp_path: Path):
    await installed.index(await installed.add("Tides follow the moon."))
    document = in_thread(lambda: backup(installed.settings, tmp_path / "backups", keep=7, without_index=True))
    assert document.index == "none"
    restored = in_thread(lambda: restore(settings_of(tmp_path / "restored"), tmp_path / "backups"))
    assert (restored.points, restored.versions_to_read_again) == (0, 1)


# --------------------------------------------------------------------------------------------------------- while things change


class ErasingMeanwhile(BackupMaking):
    """A file comes just before the catalog is copied and is erased right after; so often."""

    installed: Installation
    times = 1

    async def _copy_catalog(self):
        if not ErasingMeanwhile.times:
            return await super()._copy_catalog()
        ErasingMeanwhile.times -= 1
        text = f"Erased {ErasingMeanwhile.times}."
        await self.installed.blobs.put(pieces(text.encode()), max_bytes=100)
        file = await upload(self.installed.catalog, text=text)
        copied = await super()._copy_catalog()
        await forget(self.installed.catalog, file)
        await self.installed.blobs.delete(file.blob_sha256)
        return copied


@pytest.mark.parametrize("times", [1, 3])
async def test_a_file_that_is_erased_meanwhile_is_not_in_the_backup(
    installed: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
):
    await installed.add("Tides follow the moon.")
    monkeypatch.setattr("footnote.cli.backup.BackupMaking", ErasingMeanwhile)
    ErasingMeanwhile.installed, ErasingMeanwhile.times = installed, times
    document = made_in(installed, tmp_path)
    assert (document.files, document.damaged) == (1, [])
    assert manifest_of(document).blobs.keys() == {sha256_of("Tides follow the moon.")}
    assert verify(tmp_path / "backups").ok
    held = b"".join(path.read_bytes() for path in (tmp_path / "backups").rglob("*") if path.is_file())
    assert b"Erased" not in held


async def test_erasing_without_end_ends_the_backup(installed: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("footnote.cli.backup.BackupMaking", ErasingMeanwhile)
    ErasingMeanwhile.installed, ErasingMeanwhile.times = installed, backup_making.PASSES
    with pytest.raises(Conflict, match="erased all the time"):
        made_in(installed, tmp_path)
    assert BackupFolder(tmp_path / "backups").backups() == []


@pytest.mark.parametrize("how", ["lost", "changed"])
async def test_a_stored_file_that_is_damaged_is_named_and_the_rest_is_kept(installed: Installation, tmp_path: Path, how: str):
    for text in ("Tides follow the moon.", "Gales follow the season."):
        await installed.add(text)
    async with installed.blobs.local(sha256_of("Tides follow the moon.")) as path:
        path.unlink() if how == "lost" else path.write_bytes(b"Tides follow the mood.")
    document = made_in(installed, tmp_path)
    assert (document.damaged, document.files) == ([sha256_of("Tides follow the moon.")], 1)
    restored = in_thread(lambda: restore(settings_of(tmp_path / "restored"), tmp_path / "backups"))
    assert (restored.files, restored.lost) == (1, document.damaged)


# ------------------------------------------------------------------------------------------------------- damage and interruption


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("what", ["catalog", "blob", "index", "manifest"])
async def test_a_flipped_byte_is_found_and_not_restored(installed: Installation, tmp_path: Path, what: str):
    await installed.index(await installed.add("Tides follow the moon."))
    document = made_in(installed, tmp_path)
    content = BackupFolder(tmp_path / "backups").content
    manifest = manifest_of(document)
    damaged = {
        "catalog": content.path(manifest.files[CATALOG].sha256),
        "blob": content.path(sha256_of("Tides follow the moon.")),
        "index": content.path(manifest.files["index/index.json"].sha256),
        "manifest": Path(document.path),
    }[what]
    flip_a_byte(damaged)
    checked = verify(tmp_path / "backups")
    assert not checked.ok
    (complaint,) = checked.backups[0].complaints
    assert ("Remove that file" in complaint) == (what == "manifest")
    with pytest.raises(UnusableBackup):
        in_thread(lambda: restore(settings_of(tmp_path / "restored"), tmp_path / "backups"))
    assert not DataDirectory(tmp_path / "restored").catalog.exists()


async def test_a_restore_that_broke_off_is_no_data_directory_until_it_is_done_again(installed: Installation, tmp_path: Path):
    await installed.add("Tides follow the moon.")
    document = made_in(installed, tmp_path)
    content = BackupFolder(tmp_path / "backups").content
    catalog = content.path(manifest_of(document).files[CATALOG].sha256)
    whole = catalog.read_bytes()
    flip_a_byte(catalog)
    with pytest.raises(UnusableBackup):
        in_thread(lambda: restore(settings_of(tmp_path / "restored"), tmp_path / "backups"))
    with pytest.raises(StorageUnavailable, match="broken off"), DataDirectory(tmp_path / "restored").owned():
        pass
    catalog.write_bytes(whole)
    assert in_thread(lambda: restore(settings_of(tmp_path / "restored"), tmp_path / "backups")).files == 1
    with DataDirectory(tmp_path / "restored").owned():
        pass


async def broken_off_at_the_end(self: object, vectors: object, collections: object) -> object:
    raise IndexUnavailable("the power went")


def break_off(settings: Settings, backups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore, and have it end in an error when everything was brought back."""
    with monkeypatch.context() as broken:
        broken.setattr("footnote.cli.restore._Restoring._bring_into_line", broken_off_at_the_end)
        with pytest.raises(IndexUnavailable, match="power"):
            in_thread(lambda: restore(settings, backups))


async def test_a_restore_that_broke_off_with_its_catalog_elsewhere_can_be_done_again(
    installed: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    await installed.add("Tides follow the moon.")
    made_in(installed, tmp_path)
    elsewhere = tmp_path / "elsewhere.sqlite"
    settings = settings_of(tmp_path / "restored", catalog={"url": sqlite_url(elsewhere)})
    break_off(settings, tmp_path / "backups", monkeypatch)
    assert elsewhere.exists()
    assert in_thread(lambda: restore(settings, tmp_path / "backups")).files == 1
    assert not DataDirectory(tmp_path / "restored").restoring_file.exists()


async def test_a_catalog_that_was_used_since_the_restore_broke_off_stays(
    installed: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made_in(installed, tmp_path)
    elsewhere = tmp_path / "elsewhere.sqlite"
    settings = settings_of(tmp_path / "restored", catalog={"url": sqlite_url(elsewhere)})
    break_off(settings, tmp_path / "backups", monkeypatch)
    used = Catalog(sqlite_url(elsewhere))
    file = await upload(used, text="came since")
    await used.close()
    with pytest.raises(Conflict, match="already"):
        in_thread(lambda: restore(settings, tmp_path / "backups"))
    assert await used.files.get(file.id, owner=file.owner) == file
    await used.close()


async def test_nothing_is_written_where_one_store_is_not_empty(installed: Installation, tmp_path: Path):
    await installed.add("Tides follow the moon.")
    made_in(installed, tmp_path)
    (tmp_path / "elsewhere.sqlite").write_text("somebody's")
    settings = settings_of(tmp_path / "restored", catalog={"url": sqlite_url(tmp_path / "elsewhere.sqlite")})
    with pytest.raises(Conflict, match="already"):
        in_thread(lambda: restore(settings, tmp_path / "backups"))
    assert set(files_of(tmp_path / "restored")) == {"owner.lock"}
    with DataDirectory(tmp_path / "restored").owned():
        pass


async def test_collections_that_a_restore_has_made_on_a_server_are_made_again_and_others_are_left(
    installed: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    await installed.add("Tides follow the moon.")
    qdrant = ScriptedQdrant()

    @asynccontextmanager
    async def scripted(_settings: object) -> AsyncIterator[QdrantSnapshots]:
        async with httpx.AsyncClient(base_url="http://qdrant:6333", transport=httpx.MockTransport(qdrant)) as http:
            yield QdrantSnapshots(http)

    monkeypatch.setattr("retrieval.index.server_backup.qdrant_snapshots", scripted)
    index = {"kind": "qdrant", "url": "http://qdrant:6333"}
    with_server = settings_of(installed.directory.path, index=index)
    in_thread(lambda: backup(with_server, tmp_path / "backups", keep=7, without_index=False))
    settings = settings_of(tmp_path / "restored", index=index)
    with pytest.raises(Conflict, match="collection"):
        in_thread(lambda: restore(settings, tmp_path / "backups"))
    assert set(files_of(tmp_path / "restored")) == {"owner.lock"}, "nothing is written before all stores were looked at"
    del qdrant.collections[OURS]
    break_off(settings, tmp_path / "backups", monkeypatch)
    assert OURS in qdrant.collections
    in_thread(lambda: restore(settings, tmp_path / "backups"))
    assert qdrant.collections == {OURS: b"segments", "of-somebody-else": b""}


async def test_what_is_restored_is_another_installation(installed: Installation, tmp_path: Path):
    former, _ = await installed.catalog.installation.id()
    await installed.blobs.mark(former)
    await installed.add("Tides follow the moon.")
    made_in(installed, tmp_path)
    in_thread(lambda: restore(settings_of(tmp_path / "restored"), tmp_path / "backups"))
    there = DataDirectory(tmp_path / "restored")
    again, blobs = Catalog(sqlite_url(there.catalog)), FolderBlobStore(there.blobs)
    assert (await again.installation.id()) == (await blobs.installation(), False)
    assert await blobs.installation() != former
    # Set to production's store by mistake, the copy leaves what came there since.
    newer = await installed.blobs.put(pieces(b"came since"), max_bytes=100)
    assert await remove_orphans(installed.blobs, again) == 0
    assert await installed.blobs.exists(newer.sha256)
    await again.close()


async def test_a_catalog_that_is_not_the_manifests_is_told(installed: Installation, tmp_path: Path):
    await installed.add("Tides follow the moon.")
    path = Path(made_in(installed, tmp_path).path)
    manifest = manifest_of(BackupDocument.model_construct(path=str(path)))
    rows = {**manifest.catalog.rows, "files": 7}
    path.write_text(to_text(manifest.model_copy(update={"catalog": manifest.catalog.model_copy(update={"rows": rows}), "blobs": {}})))
    (checked,) = verify(path).backups
    assert checked.complaints == [
        "the catalog's table files has 1 rows, the manifest says 7",
        f"the catalog names the file {sha256_of('Tides follow the moon.')}, the manifest does not",
    ]


def command(*arguments: str | Path, **settings: str) -> list[str | Path]:
    return [FOOTNOTE, *arguments]


async def fill(installed: Installation, n: int) -> None:
    for number in range(n):
        text = f"Tide table {number}."
        await installed.blobs.put(pieces(text.encode()), max_bytes=100)
        await upload(installed.catalog, text=text, filename=f"{number}.txt")


async def test_killed_in_the_middle_the_backup_before_is_whole_and_the_next_goes_on(installed: Installation, tmp_path: Path):
    await installed.add("Tides follow the moon.")
    first = made_in(installed, tmp_path)
    await fill(installed, 400)
    content = tmp_path / "backups" / "content"
    n_before = sum(1 for _ in content.rglob("*"))
    process = subprocess.Popen(
        command("backup", tmp_path / "backups", "--data-dir", installed.directory.path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    while sum(1 for _ in content.rglob("*")) < n_before + 20:
        assert process.poll() is None, "it ended before it was killed"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert [str(path) for path in BackupFolder(tmp_path / "backups").backups()] == [first.path]
    assert verify(tmp_path / "backups").ok

    second = made_in(installed, tmp_path)
    assert (second.files, verify(tmp_path / "backups").ok) == (401, True)
    assert not (tmp_path / "backups" / ".footnote-incoming").exists()


async def test_a_full_disk_leaves_the_backup_before_whole(installed: Installation, tmp_path: Path):
    await installed.add("Tides follow the moon.")
    first = made_in(installed, tmp_path)
    text = "Tide tables of all harbours. " * 200_000
    await installed.blobs.put(pieces(text.encode()), max_bytes=10_000_000)
    await upload(installed.catalog, text=text)
    # No file may grow beyond 4 MB, which the kernel refuses in the middle of the write as it does when a disk is full.
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000,) * 2); from footnote.cli.main import main; main()"
    )
    failed = subprocess.run(
        [sys.executable, "-c", limited, "backup", tmp_path / "backups", "--data-dir", installed.directory.path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1
    assert "cannot be used" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert [str(path) for path in BackupFolder(tmp_path / "backups").backups()] == [first.path]
    assert verify(tmp_path / "backups").ok
    assert not (tmp_path / "backups" / ".footnote-incoming").exists()


# ---------------------------------------------------------------------------------------------------------------- what is refused


async def test_a_data_directory_with_something_in_it_is_refused(installed: Installation, tmp_path: Path):
    await installed.add("Tides follow the moon.")
    made_in(installed, tmp_path)
    before = files_of(installed.directory.path)
    with pytest.raises(Conflict, match="not empty"):
        in_thread(lambda: restore(installed.settings, tmp_path / "backups"))
    after = files_of(installed.directory.path)
    assert {name for name in before if not name.endswith((".lock", "-shm", "-wal"))} <= set(after)
    assert not installed.directory.restoring_file.exists()


async def test_an_empty_folder_that_is_there_already_is_filled(installed: Installation, tmp_path: Path):
    await installed.add("Tides follow the moon.")
    made_in(installed, tmp_path)
    DataDirectory(tmp_path / "restored").create()
    assert in_thread(lambda: restore(settings_of(tmp_path / "restored"), tmp_path / "backups")).files == 1


async def test_a_newer_catalog_is_refused_before_anything_is_written(installed: Installation, tmp_path: Path):
    path = Path(made_in(installed, tmp_path).path)
    manifest = manifest_of(BackupDocument.model_construct(path=str(path)))
    path.write_text(to_text(manifest.model_copy(update={"catalog": manifest.catalog.model_copy(update={"revision": "9999"})})))
    with pytest.raises(UnusableBackup, match="newer version"):
        in_thread(lambda: restore(settings_of(tmp_path / "restored"), path))
    assert not (tmp_path / "restored").exists()


async def test_another_kind_of_catalog_is_refused(installed: Installation, tmp_path: Path):
    made_in(installed, tmp_path)
    settings = settings_of(tmp_path / "restored", catalog={"url": "postgresql+asyncpg://nobody@127.0.0.1:1/none"})
    with pytest.raises(UnusableBackup, match="sqlite"):
        in_thread(lambda: restore(settings, tmp_path / "backups"))


def test_a_place_that_cannot_be_looked_at_is_said(tmp_path: Path):
    for work in (verify, lambda path: restore(settings_of(tmp_path / "restored"), path)):
        with pytest.raises(StorageUnavailable, match="cannot be used"):
            work(tmp_path / ("x" * 300))


async def test_a_backup_inside_the_data_directory_is_refused(installed: Installation):
    with pytest.raises(CommandFailed, match="lies in the data directory"):
        in_thread(lambda: backup(installed.settings, installed.directory.path / "backups", keep=7, without_index=False))


def test_without_anything_to_back_up_that_is_said(tmp_path: Path):
    with pytest.raises(CommandFailed, match="no data directory"):
        backup(settings_of(tmp_path / "nowhere"), tmp_path / "backups", keep=7, without_index=False)
    (tmp_path / "data").mkdir()
    with pytest.raises(CatalogUnavailable, match="no catalog"):
        backup(settings_of(tmp_path / "data"), tmp_path / "backups", keep=7, without_index=False)
    assert BackupFolder(tmp_path / "backups").backups() == []


async def test_an_index_that_another_process_has_is_not_read(installed: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("footnote.cli.connection.STARTING_S", 0.3)
    holding = "import sys, pathlib; from footnote.core.data_directory import DataDirectory as D; D(pathlib.Path(sys.argv[1])).acquire()"
    holding += "; print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holding, installed.directory.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            with pytest.raises(DataDirectoryInUse):
                made_in(installed, tmp_path)
        finally:
            holder.kill()


async def test_the_commands_print_documents(installed: Installation, tmp_path: Path):
    await installed.add("Tides follow the moon.")
    environment = {**os.environ, "FOOTNOTE_DATA_DIR": str(installed.directory.path)}

    def run(*arguments: str | Path) -> dict:
        done = subprocess.run(command(*arguments, "--json"), env=environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    assert run("backup", tmp_path / "backups")["files"] == 1
    assert run("backup", tmp_path / "backups", "--keep", "1")["removed"] != []
    assert run("backup", tmp_path / "backups", "--verify")["ok"] is True
    assert run("restore", tmp_path / "backups", "--data-dir", tmp_path / "restored")["rows"] > 0
