import multiprocessing
import os
import signal
import time

import pytest

from serving.generator.build_once import build_once

PROCESSES = multiprocessing.get_context("spawn")


def write_slowly(folder):
    (folder / "part-1").write_text("one")
    time.sleep(0.2)
    (folder / "part-2").write_text(str(os.getpid()))


def build_slowly(folder):
    build_once(folder, write_slowly)


def build_for_ever(folder):
    def build(unfinished):
        (unfinished / "part-1").write_text("half")
        time.sleep(60)

    build_once(folder, build)


def test_what_is_there_is_not_built_again(tmp_path):
    folder = tmp_path / "models" / "model"
    assert build_once(folder, write_slowly) == folder
    build_once(folder, lambda _: pytest.fail("built again"))
    assert sorted(path.name for path in folder.iterdir()) == ["part-1", "part-2"]


def test_a_failure_leaves_nothing(tmp_path):
    def fail(folder):
        (folder / "part-1").write_text("half")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        build_once(tmp_path / "model", fail)
    assert [path.name for path in tmp_path.iterdir()] == [".model.lock"]


def test_killed_half_way_it_is_built_anew_and_the_rest_cleared_away(tmp_path):
    folder = tmp_path / "model"
    process = PROCESSES.Process(target=build_for_ever, args=(folder,))
    process.start()
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob(".unfinished-model-*/part-1")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert not folder.exists()
    build_once(folder, write_slowly)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".model.lock", "model"]


def test_of_several_processes_one_builds(tmp_path):
    folder = tmp_path / "model"
    processes = [PROCESSES.Process(target=build_slowly, args=(folder,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert sorted(path.name for path in folder.iterdir()) == ["part-1", "part-2"]
    assert not list(tmp_path.glob(".unfinished-*"))
