"""Evaluation sets over the API: what goes in comes out, versions are counted, and strangers find nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from evaluation.cases import read_set
from evaluation.sets import draft_of
from footnote.core.catalog.evaluation_sets import sha256_of
from tests.api.library import Library, Served, settings_in

ANNA, BERT = "anna-0123456789abcdef", "bert-0123456789abcdef"
HANDBOOK = Path(__file__).parents[2] / "examples" / "handbook-questions.jsonl"


@pytest.fixture(scope="module")
def keyed(library: Library) -> Iterator[Served]:
    keys = [{"key": ANNA, "owner": "anna"}, {"key": BERT, "owner": "bert"}]
    with library.serve(settings_in(library.services.settings.data_dir, server={"keys": keys})) as served:
        yield served


@pytest.fixture
def anna(keyed: Served) -> Iterator[httpx.Client]:
    with keyed.http(headers={"authorization": f"Bearer {ANNA}"}) as opened:
        yield opened


@pytest.fixture
def bert(keyed: Served) -> Iterator[httpx.Client]:
    with keyed.http(headers={"authorization": f"Bearer {BERT}"}) as opened:
        yield opened


def imported(client: httpx.Client, name: str, *cases: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/evaluation_sets", json={"name": name, "cases": cases, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_handbooks_questions_go_in_and_come_out_and_have_one_hash_on_every_way(anna: httpx.Client) -> None:
    lines = [json.loads(line) for line in HANDBOOK.read_text(encoding="utf-8").splitlines()]
    made = imported(anna, "handbook", *lines)
    assert (made["name"], made["number"], made["kind"], made["cases"], made["is_new"]) == ("handbook", 1, "golden", len(lines), True)
    assert made["sha256"] == sha256_of([draft_of(case) for case in read_set(HANDBOOK)])
    assert made["unresolved_cases"] > 0
    assert imported(anna, "handbook", *reversed(lines)) == {**made, "is_new": False}
    cases: list[dict[str, Any]] = []
    after = None
    while True:
        query = {"limit": 100, **({} if after is None else {"after": after})}
        page = anna.get(f"/v1/evaluation_sets/{made['id']}/cases", params=query).json()
        cases += page["data"]
        after = page.get("next_after")
        assert page["has_more"] == (after is not None)
        if after is None:
            break
    assert [case["id"] for case in cases] == [line["id"] for line in lines]
    assert all(case.pop("case_id").startswith("case_") for case in cases)
    assert all(line.items() >= case.items() for line, case in zip(lines, cases, strict=True)), "but for fields with their default"
    assert imported(anna, "handbook", *cases)["is_new"] is False


def test_versions_are_listed_and_strangers_find_nothing(anna: httpx.Client, bert: httpx.Client) -> None:
    first = imported(anna, "cellar", {"id": "a", "question": "How cold?"})
    second = imported(anna, "cellar", {"id": "a", "question": "How warm?"}, kind="generated")
    page = anna.get("/v1/evaluation_sets", params={"name": "cellar"}).json()
    assert {(each["id"], each["number"]) for each in page["data"]} == {(first["id"], 1), (second["id"], 2)}
    assert bert.get("/v1/evaluation_sets", params={"name": "cellar"}).json()["data"] == []
    for path in (first["id"], f"{first['id']}/cases"):
        assert anna.get(f"/v1/evaluation_sets/{path}").status_code == 200
        assert bert.get(f"/v1/evaluation_sets/{path}").status_code == 404
    shared = imported(anna, "cellar", {"id": "a", "question": "How warm?"}, kind="generated", principals=["owner:bert"])
    assert shared["id"] == second["id"]
    assert bert.get(f"/v1/evaluation_sets/{second['id']}").json()["kind"] == "generated"


def test_tombstones_go_in_and_come_out(anna: httpx.Client) -> None:
    made = imported(anna, "graves", {"id": "a", "tombstone": True}, {"id": "b", "question": "?!"})
    assert (made["cases"], made["tombstones"]) == (2, 1)
    (first, second) = anna.get(f"/v1/evaluation_sets/{made['id']}/cases").json()["data"]
    assert ({**first, "case_id": 0}, second["question"]) == ({"case_id": 0, "id": "a", "tombstone": True}, "?!")


@pytest.mark.parametrize(
    "case",
    [
        {"id": "a"},
        {"id": " ", "question": "?"},
        {"id": "a", "question": "?", "anwsers": []},
        {"id": "a", "question": "?", "answerable": "yes"},
        {"id": "a", "question": "?", "gold": [{"document": "d", "quote": ""}]},
        {"id": "a", "question": "?", "gold": [{"document": "d", "quote": "q", "page": True}]},
        {"id": "a", "tombstone": True, "question": "?"},
        {"id": "a", "question": "?", "history": [{"role": "tool", "content": ""}]},
    ],
)
def test_what_is_no_case_is_refused(anna: httpx.Client, case: dict[str, Any]) -> None:
    assert anna.post("/v1/evaluation_sets", json={"name": "wrong", "cases": [case]}).status_code == 400
    assert anna.get("/v1/evaluation_sets", params={"name": "wrong"}).json()["data"] == []


def test_erasing_a_document_leaves_a_tombstone(anna: httpx.Client) -> None:
    file = anna.post("/v1/files", data={"purpose": "assistants"}, files={"file": ("secret.md", b"The secret is kept.")}).json()["id"]
    store = anna.post("/v1/vector_stores", json={"name": "secrets", "file_ids": [file]}).json()["id"]
    case = {"id": "a", "question": "The secret?", "gold": [{"document": "secret.md", "quote": "The secret is kept."}]}
    made = imported(anna, "secrets", case)
    assert made["unresolved"] == []
    receipt = anna.delete(f"/v1/files/{file}").json()["footnote"]["receipt"]
    assert receipt["before"]["cases"] == 1
    answer = anna.get(f"/v1/evaluation_sets/{made['id']}/cases")
    assert "secret" not in answer.text
    assert answer.json()["data"][0]["tombstone"] is True
    assert anna.get(f"/v1/evaluation_sets/{made['id']}").json()["tombstones"] == 1
    anna.delete(f"/v1/vector_stores/{store}")


def test_a_set_is_deleted_by_its_owner_by_name_number_or_id(anna: httpx.Client, bert: httpx.Client) -> None:
    made = [imported(anna, "a/b ü", {"id": "a", "question": f"{n}?"}, principals=["owner:bert"]) for n in range(4)]
    for wanted in (made[0]["id"], "a%2Fb%20%C3%BC", "a%2Fb%20%C3%BC@1"):
        answer = bert.delete(f"/v1/evaluation_sets/{wanted}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    by_id = anna.delete(f"/v1/evaluation_sets/{made[0]['id']}").json()
    assert (by_id["object"], by_id["deleted"], by_id["sets"], by_id["cases"], by_id["runs"]) == ("evaluation_set.deleted", True, 1, 1, 0)
    assert anna.get(f"/v1/evaluation_sets/{made[0]['id']}").status_code == 404
    assert anna.delete("/v1/evaluation_sets/a%2Fb%20%C3%BC@2").json()["sets"] == 1
    by_name = anna.delete("/v1/evaluation_sets/a%2Fb%20%C3%BC").json()
    assert (by_name["id"], by_name["sets"], by_name["cases"]) == ("a/b ü", 2, 2)
    assert anna.get("/v1/evaluation_sets", params={"name": "a/b ü"}).json()["data"] == []
    assert anna.delete("/v1/evaluation_sets/a%2Fb%20%C3%BC").status_code == 404


def test_a_new_version_stays_shared(anna: httpx.Client, bert: httpx.Client) -> None:
    imported(anna, "common", {"id": "a", "question": "1?"}, principals=["owner:bert"])
    second = imported(anna, "common", {"id": "a", "question": "2?"})
    assert bert.get(f"/v1/evaluation_sets/{second['id']}").json()["number"] == 2
    third = imported(anna, "common", {"id": "a", "question": "3?"}, principals=[])
    assert bert.get(f"/v1/evaluation_sets/{third['id']}").status_code == 404
