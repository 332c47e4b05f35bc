"""Peak memory of the server with the local model: ingesting the handbook, then answering questions about it.

    python -m bench.memory --data-dir build/memory

The server is a process of its own (`footnote serve`); its parsers are its children and are counted apart. Linux only: reads /proc.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

from footnote.core.data_directory import find_running_server

HANDBOOK = Path(__file__).parent.parent / "examples" / "handbook"
QUESTIONS = ("What may a hotel in Poland cost?", "Who has to be told about a spill?", "How many days of leave are there after ten years?")


def main(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="footnote-memory-") as folder:
        data_dir = str(options.data_dir or folder)
        command = Path(sys.executable).with_name("footnote")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen([command, "serve", "--port", "0", "--data-dir", data_dir], **quiet) as server:
            try:
                url = address_of(server, Path(data_dir))
                subprocess.run([command, "ingest", HANDBOOK, "--data-dir", data_dir], check=True, **quiet)
                measure(server.pid, url)
            finally:
                server.terminate()


def measure(pid: int, url: str) -> None:
    children = psutil.Process(pid).children()
    print(f"after ingesting: {peak_mb(pid):.0f} MB; parsers: {[round(peak_mb(child.pid)) for child in children]} MB", flush=True)
    with httpx.Client(base_url=url, timeout=600) as client:
        for question in QUESTIONS:
            began = time.perf_counter()
            body = {"model": "footnote", "messages": [{"role": "user", "content": question}]}
            answer = client.post("/v1/chat/completions", json=body).raise_for_status().json()
            print(f"{time.perf_counter() - began:5.1f} s  {question}  {answer['choices'][0]['message']['content'][:90]!r}", flush=True)
    print(f"peak of the server: {peak_mb(pid):.0f} MB")


def address_of(server: subprocess.Popen[bytes], data_dir: Path) -> str:
    while server.poll() is None:
        running = find_running_server(data_dir)
        if running is not None:
            return running.url
        time.sleep(0.2)
    raise SystemExit("the server did not start: `footnote serve` says why")


def peak_mb(pid: int) -> float:
    """Return the most resident memory that a process has had."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=None, help="use and keep this data directory instead of a temporary one")
    main(parser.parse_args())
