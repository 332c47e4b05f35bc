"""A whole server with two documents and a few labelled questions about them: everything as it is wired, and quotes in place of a model."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from footnote.cli.wiring import open_services
from tests.api.library import LoopThread, Served, settings_in

ANN, BEN = "ann-ann-ann-ann-ann", "ben-ben-ben-ben-ben"
KEYS = {"keys": [{"key": ANN, "owner": "ann", "principals": ["everyone"]}, {"key": BEN, "owner": "ben", "principals": ["everyone"]}]}

DOCUMENTS = {
    "moon.md": "# The moon and tides\n\nTides follow the moon, and lag behind it by an hour.\n\nSpring tides come at new moon.",
    "sun.md": "# The sun and tides\n\nThe sun raises tides half as high as the moon does.",
}


def _case(name: str, question: str, *, document: str = "", quote: str = "", answers: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    gold = [{"document": document, "page": None, "quote": quote}] if document else []
    labels = {
        "part": "test",
        "kind": "fact",
        "answerable": bool(document),
        "reference_answer": quote,
        "answers": list(answers),
        "gold": gold,
    }
    return {"id": name, "question": question, "gold": gold, **labels, **more}


CASES = [
    _case("moon", "What do tides follow?", document="moon.md", quote="Tides follow the moon", answers=("the moon",)),
    _case("sun", "How high does the sun raise tides?", document="sun.md", quote="half as high as the moon", answers=("half as high",)),
    _case("spring", "When do spring tides come?", document="moon.md", quote="Spring tides come at new moon.", answers=("new moon",)),
    _case("cup", "Who won the football world cup in 1974?", kind="unanswerable"),
    _case("tuning", "By how much do tides lag?", document="moon.md", quote="lag behind it by an hour", answers=("an hour",), part="tune"),
]

DONE_S = 120


@contextmanager
def whole_server(threaded: LoopThread, folder: Path, **sections: object) -> Generator[Served]:
    """Serve everything in a folder, with the two documents in the collection `default`."""
    settings = settings_in(folder / "data", generator={"kind": "extractive"}, **sections)
    with threaded.serve(settings, open_services) as served:
        served.wait_until_ready()
        with served.client(key=ANN) as client:
            for name, text in DOCUMENTS.items():
                client.vector_stores.files.upload_and_poll(vector_store_id="vs_default", file=(name, text.encode()), poll_interval_ms=50)
        yield served


def as_owner(served: Served, key: str) -> httpx.Client:
    return served.http(headers={"authorization": f"Bearer {key}"})


def imported(http: httpx.Client, *, name: str = "tides", cases: list[dict[str, Any]] | None = None) -> str:
    answer = http.post("/v1/evaluation_sets", json={"name": name, "cases": CASES if cases is None else cases})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def begun(http: httpx.Client, set_id: str, **more: Any) -> dict[str, Any]:
    answer = http.post("/v1/evaluation_runs", json={"set_id": set_id, **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def finished(http: httpx.Client, run_id: str) -> dict[str, Any]:
    """Return a run when it has ended."""
    deadline = time.monotonic() + DONE_S
    while (run := http.get(f"/v1/evaluation_runs/{run_id}").json())["status"] in ("queued", "running"):
        assert time.monotonic() < deadline, run
        time.sleep(0.05)
    return dict(run)
