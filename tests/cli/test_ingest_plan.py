from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from footnote.cli.api_objects import Attachment, IngestionJob, UploadedFile
from footnote.cli.ingest_plan import LocalFile, plan_ingest, read_local_file, source_of


def local(name: str, sha256: str = "aa", folder: str = "in") -> LocalFile:
    return LocalFile(path=Path(folder, name), sha256=sha256, n_bytes=1, source=f"{folder}/{name}")


def uploaded(file_id: str, name: str, sha256: str = "aa") -> UploadedFile:
    return UploadedFile(id=file_id, filename=name, bytes=1, sha256=sha256)


def attached(file_id: str, status: str, *, source: str | None = None, replaced_by: str | None = None) -> Attachment:
    job = IngestionJob(state=status, source=source, replaced_by=replaced_by)
    return Attachment(id=file_id, created_at=0, status=status, usage_bytes=1, filename="", footnote=job)


def test_what_the_server_does_not_have_is_uploaded():
    plan = plan_ingest([local("a")], uploaded=[], attached=[])
    assert plan.upload == (local("a"),)


def test_the_same_name_with_other_bytes_is_uploaded():
    plan = plan_ingest([local("a", "bb")], uploaded=[uploaded("f1", "a", "aa")], attached=[attached("f1", "completed")])
    assert [file.sha256 for file in plan.upload] == ["bb"]


def test_the_same_bytes_under_another_name_are_uploaded():
    plan = plan_ingest([local("b")], uploaded=[uploaded("f1", "a")], attached=[attached("f1", "completed")])
    assert len(plan.upload) == 1


def test_what_is_in_the_collection_is_present():
    plan = plan_ingest([local("a")], uploaded=[uploaded("f1", "a")], attached=[attached("f1", "completed")])
    assert ([known.file_id for known in plan.present], plan.upload, plan.attach) == (["f1"], (), ())


def test_what_was_uploaded_but_not_attached_is_only_attached():
    plan = plan_ingest([local("a")], uploaded=[uploaded("f1", "a")], attached=[])
    assert ([known.file_id for known in plan.attach], plan.upload) == (["f1"], ())


def test_what_failed_or_is_under_way_is_attached_again_and_waited_for():
    for status in ("failed", "cancelled", "in_progress"):
        plan = plan_ingest([local("a")], uploaded=[uploaded("f1", "a")], attached=[attached("f1", status)])
        assert [known.file_id for known in plan.attach] == ["f1"]


def test_of_two_uploads_the_attached_one_counts():
    files = [uploaded("f1", "a"), uploaded("f2", "a")]
    assert plan_ingest([local("a")], uploaded=files, attached=[attached("f1", "completed")]).present[0].file_id == "f1"
    assert plan_ingest([local("a")], uploaded=files, attached=[attached("f2", "completed")]).present[0].file_id == "f2"


def test_the_same_file_in_two_folders_goes_in_once():
    plan = plan_ingest([local("a"), local("a", folder="copy")], uploaded=[], attached=[])
    assert (len(plan.upload), [file.path for file in plan.repeated]) == (1, [Path("copy/a")])


def test_names_are_compared_as_the_server_keeps_them():
    # The letter é in two pieces, as some file systems write it, and in one, as the server does.
    plan = plan_ingest([local("re\u0301sume\u0301.txt")], uploaded=[uploaded("f1", "résumé.txt")], attached=[attached("f1", "completed")])
    assert len(plan.present) == 1


# ------------------------------------------------------------------------------------------------------------------- newer versions


def test_what_came_from_another_path_is_present_and_the_server_is_told_the_new_one():
    plan = plan_ingest([local("a")], uploaded=[uploaded("f1", "a")], attached=[attached("f1", "completed", source="old/a")])
    assert ([known.file_id for known in plan.present], [known.file_id for known in plan.moved]) == (["f1"], ["f1"])
    settled = plan_ingest([local("a")], uploaded=[uploaded("f1", "a")], attached=[attached("f1", "completed", source="in/a")])
    assert settled.moved == ()


def test_a_copy_of_a_file_that_has_changed_since_is_attached_for_itself():
    # One attachment stood for two equal files; the one that it was made for has other bytes now, and will take its place.
    files = [local("a", "bb"), local("a", "aa", folder="copy")]
    plan = plan_ingest(files, uploaded=[uploaded("f1", "a", "aa")], attached=[attached("f1", "completed", source="in/a")])
    assert ([file.sha256 for file in plan.upload], [known.file_id for known in plan.attach], plan.present) == (["bb"], ["f1"], ())


def test_a_change_that_was_taken_back_is_attached_again_while_the_newer_version_is_still_read():
    there = [attached("f1", "completed", source="in/a", replaced_by="f2"), attached("f2", "in_progress", source="in/a")]
    plan = plan_ingest([local("a", "aa")], uploaded=[uploaded("f1", "a", "aa"), uploaded("f2", "a", "bb")], attached=there)
    assert ([known.file_id for known in plan.attach], plan.present) == (["f1"], ())


def test_files_of_the_same_name_are_replaced_on_demand_each_once_and_none_that_is_still_here():
    files = [local("a", "new"), local("a", "newer", folder="b"), local("a", "kept", folder="c"), local("other", "new")]
    server = [uploaded("f1", "a", "old"), uploaded("f2", "a", "kept"), uploaded("f3", "a", "older"), uploaded("f4", "b", "old")]
    there = [attached(file.id, "completed") for file in server] + [attached("theirs", "completed")]
    assert plan_ingest(files, uploaded=server, attached=there, replace=True).replaced == {"in/a": ("f1", "f3")}
    assert plan_ingest(files, uploaded=server, attached=there).replaced == {}


def test_a_source_stands_for_a_path_and_does_not_tell_it(tmp_path: Path):
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one, other):
        path.write_text("the same")
    assert source_of(one) == source_of(tmp_path / "sub" / ".." / "one") != source_of(other)
    assert (len(source_of(one)), read_local_file(one).source) == (64, source_of(one))


WORDS = st.sampled_from(["a", "b", "c"])


@given(
    st.lists(st.tuples(WORDS, WORDS, WORDS)),
    st.lists(st.tuples(WORDS, WORDS)),
    st.lists(st.sampled_from(["completed", "failed", "in_progress"])),
)
def test_each_file_has_exactly_one_fate(here: list[tuple[str, str, str]], there: list[tuple[str, str]], states: list[str]):
    files = [local(name, sha256, folder) for folder, name, sha256 in here]
    known = [uploaded(f"f{n}", name, sha256) for n, (name, sha256) in enumerate(there)]
    plan = plan_ingest(files, uploaded=known, attached=[attached(f"f{n}", state) for n, state in enumerate(states)])
    fates = [*plan.upload, *(each.local for each in plan.attach), *(each.local for each in plan.present), *plan.repeated]
    assert sorted(map(str, fates)) == sorted(map(str, files))
    sent = [file.identity for file in plan.upload]
    assert len(sent) == len(set(sent))
    assert not set(sent) & {(file.filename, file.sha256) for file in known}


def test_a_file_is_hashed(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    read = read_local_file(path)
    assert (read.n_bytes, read.sha256[:8]) == (3, "ba7816bf")
