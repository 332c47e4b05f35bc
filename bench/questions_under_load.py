"""What a bulk upload costs those who ask, and how soon an uploaded file is found. Drives a server that is a process of its own."""

import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from reportlab.pdfgen.canvas import Canvas

from bench.memory import address_of
from bench.small_files import page

HANDBOOK = Path(__file__).parent.parent / "examples" / "handbook"
QUESTIONS = (
    "What may a hotel in Poland cost?",
    "Who has to be told about a spill?",
    "How many days of leave are there after ten years?",
    "When does a pump have to be inspected?",
)
N_SEARCHES, N_ANSWERS = 100, 20
LINES_PER_PAGE = 40


@contextmanager
def server(*, ingest: Path | None = None) -> Iterator[httpx.Client]:
    """Run a server on an empty data directory."""
    with tempfile.TemporaryDirectory(prefix="footnote-bench-") as folder:
        command = [Path(sys.executable).with_name("footnote"), "serve", "--port", "0", "--data-dir", folder]
        if ingest is not None:
            command += ["--ingest", str(ingest)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                with httpx.Client(base_url=address_of(process, Path(folder)), timeout=600) as client:
                    wait_until_ingested(client, n_files=len(list(ingest.iterdir())) if ingest else 0)
                    yield client
            finally:
                process.terminate()


def upload(client: httpx.Client, name: str, content: bytes) -> str:
    """Upload a file; return its id."""
    made = client.post("/v1/files", files={"file": (name, content)}, data={"purpose": "assistants"}).raise_for_status().json()
    return made["id"]


def attach(client: httpx.Client, file_ids: Sequence[str]) -> None:
    """Have files read, from now on."""
    client.post(f"/v1/vector_stores/{store_id(client)}/file_batches", json={"file_ids": list(file_ids)}).raise_for_status()


def store_id(client: httpx.Client) -> str:
    return client.get("/v1/vector_stores").raise_for_status().json()["data"][0]["id"]


def counts_of(client: httpx.Client) -> dict[str, int]:
    return client.get(f"/v1/vector_stores/{store_id(client)}").raise_for_status().json()["file_counts"]


def n_open(client: httpx.Client) -> int:
    return counts_of(client)["in_progress"]


def wait_until_ingested(client: httpx.Client, *, n_files: int) -> None:
    """Wait for files that a server is told of when it starts: they are attached a moment after it answers."""
    while counts_of(client)["completed"] < n_files:
        time.sleep(0.1)


def search(client: httpx.Client, question: str) -> None:
    client.post(f"/v1/vector_stores/{store_id(client)}/search", json={"query": question}).raise_for_status()


def ask(client: httpx.Client, question: str) -> None:
    body = {"model": "footnote", "messages": [{"role": "user", "content": question}]}
    client.post("/v1/chat/completions", json=body).raise_for_status()


def upload_to_searchable(*, rounds: int) -> None:
    """Print how long it takes from the first byte of a PDF of ten pages to the end of its job; the first one starts the parser."""
    with server() as client:
        seconds = []
        for number in range(rounds + 1):
            content = pdf(number * 10, n_pages=10)
            began = time.perf_counter()
            file_id = upload(client, f"notes-{number}.pdf", content)
            attach(client, [file_id])
            while client.get(f"/v1/vector_stores/{store_id(client)}/files/{file_id}").json()["status"] == "in_progress":
                time.sleep(0.02)
            seconds.append(time.perf_counter() - began)
    print(f"upload to searchable, PDF of ten pages: {statistics.median(seconds[1:]):.2f} s, the first {seconds[0]:.2f} s", flush=True)


def pdf(first: int, *, n_pages: int) -> bytes:
    """Return a PDF of generated pages."""
    out = io.BytesIO()
    canvas = Canvas(out)
    for number in range(first, first + n_pages):
        words = page(number).split()
        for line in range(LINES_PER_PAGE):
            canvas.drawString(60, 780 - 17 * line, " ".join(words[line * 9 : line * 9 + 9]))
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def questions_under_load(files_in: Path) -> None:
    """Print the p95 of searches and of answers while the files of a bulk upload are read, and its ratio to that of an idle server."""
    with server(ingest=HANDBOOK) as client:
        for question in QUESTIONS:
            ask(client, question)
        idle = {name: p95(client, how, n) for name, how, n in KINDS}
        attach(client, [upload(client, path.name, path.read_bytes()) for path in sorted(files_in.iterdir())])
        for name, how, n in KINDS:
            open_before = n_open(client)
            began = time.perf_counter()
            busy = p95(client, how, n)
            seconds, open_after = time.perf_counter() - began, n_open(client)
            print(
                f"{name}, p95: idle {idle[name] * 1000:.0f} ms, while files are read {busy * 1000:.0f} ms, ratio {busy / idle[name]:.2f} "
                f"({open_before} files waited before, {open_after} after {seconds:.0f} s)",
                flush=True,
            )


KINDS: Sequence[tuple[str, Callable[[httpx.Client, str], None], int]] = (("search", search, N_SEARCHES), ("answer", ask, N_ANSWERS))


def p95(client: httpx.Client, how: Callable[[httpx.Client, str], None], n: int) -> float:
    taken = []
    for number in range(n):
        began = time.perf_counter()
        how(client, QUESTIONS[number % len(QUESTIONS)])
        taken.append(time.perf_counter() - began)
    return statistics.quantiles(taken, n=20, method="inclusive")[-1]
