"""The cage with real processes and hostile files: each limit ends its document, with a code of its own, and nothing else."""

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import psutil
import pytest

from footnote.core.errors import DocumentTooLarge, FootnoteError, ParserCrashed, UnreadableDocument
from footnote.core.settings import IngestionSettings
from ingestion.cage import answering, caged_process
from ingestion.cage.caged_process import CagedProcess
from ingestion.cage.confinement import confine
from ingestion.cage.frames import Request, error_of, packed, unpacked, unpacked_header
from ingestion.cage.limits import CageLimits
from ingestion.cage.temporary_folder import TemporaryFolder, remove_abandoned
from ingestion.failure import failure_of
from ingestion.parser_pool import ParserPool
from ingestion.parsing.limits import ParsingLimits
from tests.ingestion import hostile
from tests.ingestion.files import BODY, lines, write_docx, write_pdf

MIB = 1024 * 1024
LIMITS = CageLimits(memory_bytes=1536 * MIB, cpu_s=60, wall_s=60, output_bytes=256 * MIB)


def small_pdf(folder: Path) -> Path:
    """Return a document that is read in no time: what reads other formats takes a second to load."""
    return write_pdf(folder / "small.pdf", lambda c: lines(c, list(BODY)))


async def failure_from(path: Path, *, filename: str = "a.pdf", **settings: object) -> FootnoteError:
    """Return the error that reading a file ends in; the same pool reads another file afterwards."""
    other = small_pdf(path.parent)
    pool = ParserPool(IngestionSettings(**settings))  # pyright: ignore[reportArgumentType]
    try:
        with pytest.raises(FootnoteError) as caught:
            await pool.parse(path, filename=filename)
        assert not pool._busy
        assert (await pool.parse(other, filename="other.pdf")).text, "the next document is read"
    finally:
        await pool.close()
    return caught.value


async def test_a_memory_hog_is_ended(tmp_path: Path) -> None:
    error = await failure_from(hostile.memory_bomb(tmp_path / "a.pdf", n_mib=150), parser_memory_bytes=200 * MIB)
    assert isinstance(error, DocumentTooLarge)
    assert failure_of(error).code == "memory_limit"
    assert not failure_of(error).retryable
    assert "parser_memory_bytes" in failure_of(error).message


async def test_a_processor_hog_is_ended(tmp_path: Path) -> None:
    error = await failure_from(hostile.endless_page(tmp_path / "a.pdf"), parser_cpu_s=1.5)
    assert (failure_of(error).code, failure_of(error).retryable) == ("cpu_limit", False)
    assert "1.5 s of processor time" in failure_of(error).message
    assert "parser_cpu_s" in failure_of(error).message


async def test_a_file_that_is_waited_for_is_given_up(tmp_path: Path) -> None:
    error = await failure_from(hostile.never_answering(tmp_path / "a.pdf"), parse_timeout_s=3)
    assert (failure_of(error).code, failure_of(error).retryable) == ("time_limit", False)
    assert "longer than 3 s" in failure_of(error).message


async def test_more_output_than_allowed_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Many words. " * 300_000, encoding="utf-8")
    error = await failure_from(path, filename="a.txt", parser_output_bytes=MIB)
    assert (failure_of(error).code, failure_of(error).retryable) == ("output_limit", False)
    assert "parser_output_bytes" in failure_of(error).message


def test_a_temporary_file_that_grows_too_large_is_told_as_output() -> None:
    fault = answering._fault(OSError(errno.EFBIG, "File too large"))
    assert (fault.code, fault.is_last) == ("output_limit", True)


def test_a_full_disk_is_a_failure_that_may_pass() -> None:
    assert failure_of(error_of(answering._fault(OSError(errno.ENOSPC, "No space left on device")))).retryable


def test_memory_that_runs_out_in_a_library_is_told_as_memory() -> None:
    try:
        try:
            raise MemoryError
        except MemoryError as error:
            raise UnreadableDocument("It is damaged.") from error
    except UnreadableDocument as error:
        fault = answering._fault(error)
    assert (fault.code, fault.is_last) == ("memory_limit", True)


async def test_too_many_pages(tmp_path: Path) -> None:
    error = await failure_from(write_pdf(tmp_path / "a.pdf", *[lambda c: lines(c, list(BODY))] * 3), max_pages=2)
    assert (failure_of(error).code, failure_of(error).retryable) == ("page_limit", False)


async def test_an_archive_of_many_parts(tmp_path: Path) -> None:
    path = write_docx(tmp_path / "a.docx")
    error = await failure_from(path, filename="a.docx", max_archive_members=3)
    assert (failure_of(error).code, failure_of(error).retryable) == ("expansion_limit", False)
    assert "parts" in failure_of(error).message


async def test_an_archive_that_unpacks_to_hundreds_of_times_its_size(tmp_path: Path) -> None:
    path = write_docx(tmp_path / "a.docx")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/zeros.bin", bytes(110 * MIB))
    error = await failure_from(path, filename="a.docx")
    assert failure_of(error).code == "expansion_limit"
    assert "times its size" in failure_of(error).message


async def test_a_bomb_inside_an_archive_is_not_unpacked(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.bin", bytes(300 * MIB))
    path = write_docx(tmp_path / "a.docx")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.write(bomb, "word/embeddings/object1.docx")
    pool = ParserPool(IngestionSettings(parser_memory_bytes=400 * MIB))
    try:
        assert "Travel policy" in (await pool.parse(path, filename="a.docx")).text
    finally:
        await pool.close()


async def test_a_process_that_broke_a_limit_is_not_used_again(tmp_path: Path) -> None:
    path, note = hostile.endless_page(tmp_path / "a.pdf"), small_pdf(tmp_path)
    pool = ParserPool(IngestionSettings(parser_cpu_s=1.5))
    try:
        await pool.parse(note, filename="note.pdf")
        (before,) = pool._idle
        with pytest.raises(DocumentTooLarge):
            await pool.parse(path, filename="a.pdf")
        assert not psutil.pid_exists(before.pid)
        assert pool._idle == []
        assert not before._folder.path.exists(), "its temporary files go with it"
    finally:
        await pool.close()


def test_folders_of_servers_that_were_killed_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ours = TemporaryFolder()
    script = "import os; from ingestion.cage.temporary_folder import TemporaryFolder; print(TemporaryFolder().path); os.abort()"
    killed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert killed.returncode == -signal.SIGABRT
    (left,) = set(tmp_path.iterdir()) - {ours.path}
    remove_abandoned()
    assert left.exists(), "it may have been made a moment ago"
    for folder in (left, ours.path):
        os.utime(folder, (0, 0))
    remove_abandoned()
    assert list(tmp_path.iterdir()) == [ours.path]
    ours.remove()
    assert list(tmp_path.iterdir()) == []


async def test_a_process_killed_from_outside_is_a_failure_that_may_pass(tmp_path: Path) -> None:
    path = hostile.never_answering(tmp_path / "a.pdf")
    pool = ParserPool(IngestionSettings())
    try:
        reading = asyncio.create_task(pool.parse(path, filename="a.pdf"))
        with await asyncio.to_thread(path.open, "wb"):  # the parser has opened its end
            (busy,) = pool._busy
            os.kill(busy.pid, signal.SIGKILL)
            with pytest.raises(ParserCrashed, match="SIGKILL") as caught:
                await reading
    finally:
        await pool.close()
    failure = failure_of(caught.value)
    assert (failure.code, failure.retryable) == ("parser_crashed", True)


def test_a_crash_is_not_taken_for_a_lack_of_memory_because_the_server_is_large(tmp_path: Path) -> None:
    path = hostile.never_answering(tmp_path / "a.pdf")
    large = bytearray(b"x") * (200 * MIB)
    process = CagedProcess(CageLimits(memory_bytes=300 * MIB, cpu_s=60, wall_s=60, output_bytes=MIB))
    process.start()

    def crash() -> None:
        with path.open("wb"):
            os.kill(process.pid, signal.SIGSEGV)

    killer = threading.Thread(target=crash)
    killer.start()
    with pytest.raises(ParserCrashed, match="SIGSEGV"):
        process.call([Request(action="parse", cpu_s=60, path=str(path), filename="a.pdf", limits=ParsingLimits())])
    killer.join()
    assert len(large) > 150 * MIB


async def test_cancelling_ends_the_process_and_frees_the_turn(tmp_path: Path) -> None:
    path, note = hostile.never_answering(tmp_path / "a.pdf"), small_pdf(tmp_path)
    pool = ParserPool(IngestionSettings(n_parsers=1))
    try:
        reading = asyncio.create_task(pool.parse(path, filename="a.pdf"))
        with await asyncio.to_thread(path.open, "wb"):
            (busy,) = pool._busy
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert (await pool.parse(note, filename="note.pdf")).text
        await asyncio.to_thread(psutil.wait_procs, [psutil.Process(busy.pid)] if psutil.pid_exists(busy.pid) else [], 10)
        assert not psutil.pid_exists(busy.pid)
    finally:
        await pool.close()


async def test_pages_are_told_while_they_are_read(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", *[lambda c: lines(c, list(BODY))] * 3)
    told: list[tuple[int, int | None]] = []
    loop_thread = threading.get_ident()
    threads: set[int] = set()

    def note(n_done: int, n_total: int | None) -> None:
        told.append((n_done, n_total))
        threads.add(threading.get_ident())

    pool = ParserPool(IngestionSettings())
    try:
        await pool.parse(path, filename="a.pdf", progress=note)
        await asyncio.sleep(0)
    finally:
        await pool.close()
    assert told[0] == (1, 3)
    assert told[-1] == (3, 3)
    assert threads == {loop_thread}


def test_no_process_of_the_machine_is_looked_at_for_a_document_that_is_soon_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caged_process, "_LOOK_AT_FAMILY_EVERY_S", 1_000)
    looks: list[psutil.Process] = []

    def noted(self: psutil.Process, *, recursive: bool = False) -> list[psutil.Process]:
        looks.append(self)
        return []

    monkeypatch.setattr(psutil.Process, "children", noted)
    limits = ParsingLimits(max_pages=10, max_text_chars=10_000, max_expanded_bytes=10 * MIB)
    process = CagedProcess(LIMITS)
    try:
        process.call([Request(action="parse", cpu_s=10, path=str(small_pdf(tmp_path)), filename="a.pdf", limits=limits)])
        assert process.peak_bytes > MIB
        assert looks == []
    finally:
        process.close()


async def test_processes_are_replaced_after_many_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.parser_pool.MAX_DOCUMENTS_PER_PROCESS", 2)
    note = small_pdf(tmp_path)
    pool = ParserPool(IngestionSettings())
    try:
        pids: list[int] = []
        for _ in range(3):
            await pool.parse(note, filename="note.pdf")
            pids += [process.pid for process in pool._idle]
    finally:
        await pool.close()
    assert len(pids) == 2, "after the second document nobody is idle"
    assert pids[0] != pids[1]


async def test_processes_are_replaced_when_they_have_grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.parser_pool.MAX_GROWTH_SHARE", 0.001)
    note = tmp_path / "note.md"
    note.write_text("Some text to read.", encoding="utf-8")
    pool = ParserPool(IngestionSettings())
    try:
        await pool.parse(note, filename="note.md")
        assert pool._idle == [], "it loaded what reads text, which is more than a thousandth of its memory"
    finally:
        await pool.close()


def test_the_process_has_no_handle_secret_or_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_SERVER__API_KEYS", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with (tmp_path / "store").open("wb") as store:
        os.set_inheritable(store.fileno(), True)
        process = CagedProcess(LIMITS)
        try:
            ready = process.start()
            seen = psutil.Process(process.pid)
            assert {"FOOTNOTE_SERVER__API_KEYS", "AWS_SECRET_ACCESS_KEY"}.isdisjoint(seen.environ())
            assert seen.open_files() == []
            assert seen.net_connections() == []
            assert seen.nice() > psutil.Process().nice()
            if sys.platform == "linux" and "network" not in ready.unconfined:
                here, there = (Path(f"/proc/{pid}/ns/net").readlink() for pid in ("self", process.pid))
                assert here != there
        finally:
            process.close()


def test_confinement_binds_python_code_too() -> None:
    script = (
        "import json, socket, tempfile\n"
        "from ingestion.cage.confinement import confine\n"
        "from ingestion.cage.limits import CageLimits\n"
        "missing = confine(CageLimits(memory_bytes=200 * 2**20, cpu_s=1, wall_s=1, output_bytes=1000))\n"
        "outcomes = []\n"
        "for attempt in (\n"
        "    lambda: socket.create_connection(('127.0.0.1', 9)),\n"
        "    lambda: bytearray(300 * 2**20),\n"
        "    lambda: print('x' * 2000, file=tempfile.TemporaryFile('w'), flush=True),\n"
        "    lambda: open('/dev/null').close() or [open('/dev/null') for _ in range(1000)],\n"
        "):\n"
        "    try:\n"
        "        attempt()\n"
        "        outcomes.append('done')\n"
        "    except Exception as error:\n"
        "        outcomes.append(type(error).__name__)\n"
        "print(json.dumps([missing, outcomes]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    missing, outcomes = json.loads(done.stdout)
    assert outcomes[0] == "PermissionError"
    assert "memory" in missing or outcomes[1] == "MemoryError"
    assert outcomes[2:] == ["OSError", "OSError"], "a file too large, too many open files"


def test_a_system_without_limits_is_named_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(what: int, value: tuple[int, int]) -> None:
        raise ValueError("not here")

    monkeypatch.setattr("resource.setrlimit", refuse)
    monkeypatch.setattr("ingestion.cage.confinement._leave_network", lambda: False)
    monkeypatch.setattr("ingestion.cage.confinement._refuse_sockets", lambda: None)  # a hook would stay for the other tests
    monkeypatch.setattr("os.nice", lambda by: None)
    assert confine(LIMITS) == ("memory", "file size", "open files", "core files", "network")


async def test_missing_limits_are_logged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from structlog.testing import capture_logs

    start = CagedProcess.start
    monkeypatch.setattr(CagedProcess, "start", lambda self: (start(self), type(start(self))(unconfined=("memory",)))[1])
    note = small_pdf(tmp_path)
    pool = ParserPool(IngestionSettings())
    try:
        with capture_logs() as logs:
            await pool.parse(note, filename="note.pdf")
            await pool.parse(note, filename="note.pdf")
    finally:
        await pool.close()
    assert [line["missing"] for line in logs if "lacks limits" in line["event"]] == [("memory",)]


def test_the_watch_alone_ends_a_memory_hog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a system has no limit on memory, the server still looks."""
    monkeypatch.setattr(caged_process, "asdict", lambda limits: {**_as_dict(limits), "memory_bytes": 4096 * MIB})
    process = CagedProcess(CageLimits(memory_bytes=200 * MIB, cpu_s=60, wall_s=60, output_bytes=256 * MIB))
    path = hostile.memory_bomb(tmp_path / "a.pdf", n_mib=150)
    with pytest.raises(DocumentTooLarge) as caught:
        process.call([Request(action="parse", cpu_s=60, path=str(path), filename="a.pdf", limits=ParsingLimits())])
    assert caught.value.code == "memory_limit"
    assert not process.is_alive


def _as_dict(limits: CageLimits) -> dict[str, float]:
    return {"memory_bytes": limits.memory_bytes, "cpu_s": limits.cpu_s, "wall_s": limits.wall_s, "output_bytes": limits.output_bytes}


def test_an_answer_that_is_none_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    process = CagedProcess(LIMITS)
    process.start()
    kind, _ = unpacked_header(packed(Request(action="clean", cpu_s=1))[:9])
    monkeypatch.setattr(caged_process, "unpacked", lambda *_: unpacked(kind, b'{"action": "none"}'))
    with pytest.raises(ParserCrashed, match="an answer that is none"):
        process.call([Request(action="parse", cpu_s=5, path="/dev/null", filename="a.txt", limits=ParsingLimits())])
    assert not process.is_alive


async def test_a_defect_of_a_parser_is_told_without_the_text(tmp_path: Path) -> None:
    error = await failure_from(tmp_path / "is not there.pdf")
    assert isinstance(error, UnreadableDocument)
    assert (failure_of(error).code, failure_of(error).retryable) == ("parser_error", False)
    assert "FileNotFoundError" in failure_of(error).message
    assert "is not there" not in failure_of(error).message


@pytest.mark.parametrize("spins", [False, True])
def test_processes_end_with_their_server(tmp_path: Path, spins: bool) -> None:
    """Also one that spins in code which never gives up the interpreter's lock, and the processes that it started."""
    server = tmp_path / "server.py"
    server.write_text(SERVER, encoding="utf-8")
    command = [sys.executable, str(server), "spins" if spins else "waits"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        family = [psutil.Process(int(pid)) for pid in process.stdout.readline().split()]
        process.kill()
    gone, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
    assert len(gone) == 2


SERVER = """
import os, subprocess, sys, time

CHILD = '''
import os, subprocess, sys
from ingestion.cage.confinement import die_with
die_with(int(sys.argv[1]))
helper = subprocess.Popen(["sleep", "60"])
os.write(1, f"{os.getpid()} {helper.pid}\\\\n".encode())
if sys.argv[2] == "spins":
    import re
    re.match(r"(a+)+b", "a" * 60)
helper.wait()
'''

if __name__ == "__main__":
    lifeline, ours = os.pipe()
    subprocess.Popen([sys.executable, "-c", CHILD, str(lifeline), sys.argv[1]], pass_fds=[lifeline], start_new_session=True)
    os.close(lifeline)
    time.sleep(60)
"""
