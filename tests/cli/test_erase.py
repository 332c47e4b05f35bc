"""``footnote documents erase``: which files are meant, and what is said of them; the erasing itself is the server's."""

from io import StringIO

import pytest

from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import ErasureCounts, Receipt, UploadedFile
from footnote.cli.erase import ErasedFile, ErasedFiles, agreed, erase, meant, show_erased
from footnote.cli.failure import CommandFailed

FILES = [UploadedFile(id=f"file-{n}", filename=name, bytes=1, sha256="0") for n, name in enumerate(("a.txt", "b.txt", "a.txt"))]


def test_files_are_meant_by_id_or_by_a_name_that_only_one_has():
    assert [file.id for file in meant(FILES, ["file-2", "b.txt", "file-1"])] == ["file-2", "file-1"]
    with pytest.raises(CommandFailed, match=r"2 files are called a\.txt: file-0, file-2"):
        meant(FILES, ["a.txt"])
    with pytest.raises(CommandFailed, match=r"no file c\.txt"):
        meant(FILES, ["c.txt"])


def test_one_that_fails_keeps_no_other_from_being_erased():
    class Server(ApiClient):
        def __init__(self) -> None: ...

        def erase(self, file_id: str):
            raise CommandFailed(f"{file_id} is stuck.")

    document = erase(Server(), FILES[:2])
    assert [each.message for each in document.failed] == ["file-0 is stuck.", "file-1 is stuck."]


def test_nothing_is_erased_where_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", StringIO())
    with pytest.raises(CommandFailed) as caught:
        agreed(FILES)
    assert (caught.value.exit_status, "--yes" in str(caught.value.hint)) == (2, True)


def test_the_receipt_is_shown_with_what_stays(capsys: pytest.CaptureFixture[str]):
    none = dict.fromkeys(ErasureCounts.model_fields, 0)
    receipt = Receipt(
        id="rcpt_1",
        status="done",
        before=ErasureCounts(**{**none, "points": 34, "turns": 2}),
        after=ErasureCounts(**none),
        adapters=["adp_1"],
        kept_for=["file-9"],
        purged=False,
    )
    show_erased(ErasedFiles(erased=[ErasedFile(file_id="file-0", filename="a.txt", receipt=receipt)], failed=[]))
    shown = capsys.readouterr().out
    assert [line.split() for line in shown.splitlines() if line.split()[0] in ("points", "turns", "chunks")] == [
        ["points", "34", "0"],
        ["turns", "2", "0"],
    ]
    for part in ("rcpt_1", "adp_1", "file-9", "its own time"):
        assert part in shown
