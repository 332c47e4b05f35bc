"""Real processes: ``footnote serve`` and the other commands, as people start them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from footnote.core.data_directory import RunningServer, find_running_server

FOOTNOTE = Path(sys.executable).with_name("footnote")
READY_S = 120
ENDED_S = 60


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """Return this process's environment for a child: no model hub, quotes in place of a model, one data directory."""
    path = f"{FOOTNOTE.parent}{os.pathsep}{os.environ['PATH']}"
    quick = {"FOOTNOTE_GENERATOR__KIND": "extractive", "FOOTNOTE_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1", "PATH": path}
    return {**os.environ, "HF_HUB_OFFLINE": "1", **quick, **settings}


def footnote(data_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [FOOTNOTE, *arguments], env=environment(data_dir, **settings), capture_output=True, text=True, timeout=180, check=False
    )


class ServerProcess:
    """``footnote serve`` on a free port; ends with the block."""

    def __init__(self, data_dir: Path, *arguments: str, **settings: str) -> None:
        self.data_dir = data_dir
        # A log of its own for each start: what a killed process has left behind may still write into the old one.
        self._log = data_dir.with_name(f"serve-{time.monotonic_ns()}.log")
        self._command: Sequence[str | Path] = [FOOTNOTE, "serve", "--port", "0", *arguments]
        self._environment = environment(data_dir, **settings)

    def start(self) -> None:
        """Start it without waiting; it is the caller's to end."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("w") as log:
            self.process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=subprocess.STDOUT)

    def __enter__(self) -> "ServerProcess":
        self.start()
        try:
            self.running = self._wait_until_ready()
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def url(self) -> str:
        return self.running.url

    def log(self) -> str:
        return self._log.read_text()

    def end(self, how: signal.Signals) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(how)
        return self.process.wait(timeout=ENDED_S)

    def _wait_until_ready(self) -> RunningServer:
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            running = find_running_server(self.data_dir)
            if running is not None and "Ctrl-C stops it" in self.log():
                return running
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"the server is not ready:\n{self.log()}")
