"""A folder of backups: one writer, whole backups, and only as many as are wanted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from footnote.core.backup.folder import MARK, BackupFolder, find_backup
from footnote.core.backup.manifest import Manifest
from footnote.core.errors import Conflict, StorageUnavailable, UnusableBackup
from tests.core.backup.test_manifest import manifest

FIRST = datetime(2026, 11, 21, 9, tzinfo=UTC)


def published(folder: BackupFolder, source: Path, *texts: str, day: int = 0) -> Manifest:
    files = {}
    for text in texts:
        source.write_text(text)
        files[text] = folder.content.add_file(source)
    made = manifest(files=files, blobs={}, created_at=FIRST + timedelta(days=day))
    folder.publish(made)
    return made


def test_the_newest_is_found_and_one_can_be_named(tmp_path: Path):
    folder = BackupFolder(tmp_path / "backups")
    with folder.writing():
        old, new = (published(folder, tmp_path / "source", "same", day=day) for day in (0, 1))
    found, newest = find_backup(tmp_path / "backups")
    assert found.read(newest) == new
    found, named = find_backup(folder.backups()[0])
    assert found.read(named) == old


def test_old_backups_go_with_what_only_they_held(tmp_path: Path):
    folder = BackupFolder(tmp_path / "backups")
    with folder.writing():
        first = published(folder, tmp_path / "source", "shared", "only in the first")
        second = published(folder, tmp_path / "source", "shared", "only in the second", day=1)
        removed = folder.keep_newest(1)
    assert [path.name[:10] for path in removed] == ["2026-11-21"]
    assert [folder.read(path) for path in folder.backups()] == [second]
    held = {name: folder.content.has(stored.sha256, stored.size_bytes) for name, stored in {**first.files, **second.files}.items()}
    assert held == {"shared": True, "only in the first": False, "only in the second": True}


def test_beside_a_manifest_that_cannot_be_read_no_content_is_removed(tmp_path: Path):
    folder = BackupFolder(tmp_path / "backups")
    with folder.writing():
        first = published(folder, tmp_path / "source", "held by the damaged one")
        folder.backups()[0].write_text("{}")
        published(folder, tmp_path / "source", "new", day=1)
        assert folder.keep_newest(2) == []
    stored = first.files["held by the damaged one"]
    assert folder.content.has(stored.sha256, stored.size_bytes)


def test_two_do_not_write_at_the_same_time(tmp_path: Path):
    with BackupFolder(tmp_path).writing(), pytest.raises(Conflict, match="Another backup"), BackupFolder(tmp_path).writing():
        pass
    with BackupFolder(tmp_path).writing():
        pass


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path):
    (tmp_path / "thesis.odt").write_text("precious")
    with pytest.raises(Conflict, match=r"thesis\.odt"), BackupFolder(tmp_path).writing():
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.odt"]


@pytest.mark.parametrize("theirs", ["content/ab/chapter.txt", "incoming/letter.txt", "settings.json", "content/note.txt"])
def test_a_folder_whose_names_are_like_ours_is_left_alone(tmp_path: Path, theirs: str):
    (tmp_path / theirs).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / theirs).write_text("precious")
    with pytest.raises(Conflict, match="something else"), BackupFolder(tmp_path).writing():
        pass
    assert (tmp_path / theirs).read_text() == "precious"
    assert not (tmp_path / MARK).exists()


def test_what_has_other_names_than_ours_stays_in_a_folder_of_backups(tmp_path: Path):
    folder = BackupFolder(tmp_path)
    with folder.writing():
        published(folder, tmp_path / ".source", "only in the first")
    theirs = [
        tmp_path / name
        for name in ("2026 accounts.json", "incoming/letter", "content/note", "content/ab/chapter", f"content/zz/{'a' * 62}")
    ]
    for path in theirs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("precious")
    with folder.writing():
        published(folder, tmp_path / ".source", "second", day=1)
        assert len(folder.keep_newest(1)) == 1
    assert [path.read_text() for path in theirs] == ["precious"] * len(theirs)


def test_the_root_of_a_volume_is_empty(tmp_path: Path):
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ".snapshot").write_text("")
    with BackupFolder(tmp_path).writing():
        pass
    assert (tmp_path / MARK).is_file()


def test_backups_without_the_mark_are_refused_until_somebody_makes_it(tmp_path: Path):
    folder = BackupFolder(tmp_path)
    with folder.writing():
        published(folder, tmp_path / ".source", "first")
    (tmp_path / MARK).unlink()
    with pytest.raises(Conflict, match=MARK), folder.writing():
        pass
    (tmp_path / MARK).touch()
    with folder.writing():
        pass


def test_no_backup_is_said(tmp_path: Path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UnusableBackup, match="no backup"):
            find_backup(path)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailable, match="cannot be used"), BackupFolder(tmp_path / "file" / "backups").writing():
        pass
