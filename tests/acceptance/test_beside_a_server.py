"""The commands beside a running server."""

import json
import socket
import subprocess
from pathlib import Path

from footnote.cli.json_documents import AskDocument, ChangedDocuments, DoctorDocument, DocumentsDocument, IngestDocument, SearchDocument
from tests.acceptance.conftest import HANDBOOK
from tests.acceptance.server_process import ServerProcess, environment, footnote


def curl_line(server: ServerProcess) -> str:
    return next(line.strip() for line in server.log().splitlines() if line.strip().startswith("curl "))


def test_the_curl_line_of_the_banner_works_when_pasted(server: ServerProcess):
    answered = subprocess.run(["sh", "-c", curl_line(server)], capture_output=True, text=True, timeout=60, check=True)
    answer = json.loads(answered.stdout)
    assert "420" in answer["choices"][0]["message"]["content"]
    assert answer["footnote"]["passages"][0]["filename"].startswith("travel-policy")


def test_the_banner_shows_addresses_that_answer(server: ServerProcess):
    for path in ("/readyz", "/metrics", "/openapi.json"):
        assert f"{server.url}{path}" in server.log()
        subprocess.run(["curl", "-sf", f"{server.url}{path}"], check=True, capture_output=True, timeout=60)


def test_search_prints_hits(server: ServerProcess):
    found = footnote(server.data_dir, "search", "hotel limit Poland", "--json", "--limit", "3")
    document = SearchDocument.model_validate_json(found.stdout)
    assert [hit.n for hit in document.hits] == [1, 2, 3]
    assert document.hits[0].collection.name == "default"
    table = footnote(server.data_dir, "search", "hotel limit Poland").stdout
    assert "travel-policy-2025.docx" in table


def test_ask_streams_the_answer_with_footnotes_under_it(server: ServerProcess):
    asked = footnote(server.data_dir, "ask", "What may a hotel in Poland cost?")
    answer, _, below = asked.stdout.partition("\n\n")
    assert "420" in answer
    assert "[1] travel-policy-" in below
    assert "✓" in below
    assert asked.returncode == 0


def test_ask_as_json(server: ServerProcess):
    asked = footnote(server.data_dir, "ask", "What may a hotel in Poland cost?", "--json", "--collection", "default")
    document = AskDocument.model_validate_json(asked.stdout)
    assert "420" in document.text
    assert not document.abstained
    assert document.footnotes
    assert all(0 <= claim.start < claim.end <= len(document.text) for claim in document.claims)
    assert document.release.startswith("rel_")


def test_ask_says_when_the_documents_do_not_answer(server: ServerProcess):
    asked = footnote(server.data_dir, "ask", "Which metal is extracted by the Hall-Héroult process?")
    assert "The documents do not answer this." in asked.stdout
    assert asked.returncode == 0


def test_documents_lists_what_is_there(server: ServerProcess):
    listed = DocumentsDocument.model_validate_json(footnote(server.data_dir, "documents", "--json").stdout)
    mine = {document.filename: document for document in listed.documents if document.collection.name == "default"}
    assert mine["travel-policy-2023.pdf"].state == "completed"
    assert mine["travel-policy-2023.pdf"].pages == 3
    assert mine["travel-policy-2025.docx"].chunks


def test_an_unknown_collection_names_those_that_exist(server: ServerProcess):
    failed = footnote(server.data_dir, "ask", "x", "--collection", "no-such")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("footnote: There is no collection no-such. There are: default")
    assert len(failed.stderr.splitlines()) == 1


def test_ingest_tells_what_went_in_what_was_there_and_what_failed(server: ServerProcess, tmp_path: Path):
    (tmp_path / "good.md").write_text("# Tea\n\nThe kettle in the north kitchen holds nine litres.\n")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "good.md").write_bytes((tmp_path / "good.md").read_bytes())
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing that a reader could use")
    ingested = footnote(server.data_dir, "ingest", str(tmp_path), "--collection", "kitchen", "--json")
    document = IngestDocument.model_validate_json(ingested.stdout)
    assert ingested.returncode == 1
    assert "creating it" in ingested.stderr
    assert (document.collection.name, document.collection_created) == ("kitchen", True)
    assert [Path(file.path).name for file in document.added] == ["good.md"]
    assert [Path(file.path).name for file in document.present] == ["good.md"]
    assert {Path(file.path).name for file in document.failed} == {"empty.txt", "broken.pdf"}
    assert all(len(file.message) > 20 for file in document.failed)

    again = footnote(server.data_dir, "ingest", str(tmp_path / "good.md"), "--collection", "kitchen", "--json")
    document = IngestDocument.model_validate_json(again.stdout)
    assert (again.returncode, len(document.added), len(document.present)) == (0, 0, 1)

    found = footnote(server.data_dir, "search", "kettle", "--collection", "kitchen", "--json")
    assert len(SearchDocument.model_validate_json(found.stdout).hits) == 1


def test_a_file_that_has_changed_takes_the_place_of_its_older_version(server: ServerProcess, tmp_path: Path):
    kettle, namesake = tmp_path / "kettle.md", tmp_path / "south" / "kettle.md"
    namesake.parent.mkdir()
    kettle.write_text("# Tea\n\nThe kettle in the north kitchen holds nine litres.\n")
    namesake.write_text("# Tea\n\nThe kettle in the south kitchen holds two litres.\n")
    footnote(server.data_dir, "ingest", str(tmp_path), "--collection", "tea", "--json")
    kettle.write_text("# Tea\n\nThe kettle in the north kitchen holds eleven litres.\n")
    ingested = footnote(server.data_dir, "ingest", str(tmp_path), "--collection", "tea", "--json")
    document = IngestDocument.model_validate_json(ingested.stdout)
    assert ([Path(file.path) for file in document.added], document.replaced, len(document.present)) == ([kettle], 1, 1)
    found = SearchDocument.model_validate_json(footnote(server.data_dir, "search", "kettle", "-c", "tea", "--json").stdout)
    assert sorted(hit.text.split("holds ")[1] for hit in found.hits) == ["eleven litres.", "two litres."]

    copied = tmp_path / "elsewhere" / "kettle.md"
    copied.parent.mkdir()
    copied.write_text("# Tea\n\nThere is no kettle any more.\n")
    ingested = footnote(server.data_dir, "ingest", str(copied), "--collection", "tea", "--replace", "--json")
    assert IngestDocument.model_validate_json(ingested.stdout).replaced == 2
    listed = DocumentsDocument.model_validate_json(footnote(server.data_dir, "documents", "list", "-c", "tea", "--json").stdout)
    assert [(each.state, each.searchable) for each in listed.documents] == [("completed", True)]


def test_documents_are_tried_again_processed_and_not_cancelled_when_they_are_done(server: ServerProcess, tmp_path: Path):
    (tmp_path / "good.md").write_text("# Coffee\n\nThe mill in the north kitchen is loud.\n")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing that a reader could use")
    footnote(server.data_dir, "ingest", str(tmp_path), "--collection", "coffee")
    retried = footnote(server.data_dir, "documents", "retry", "--failed", "--wait", "-c", "coffee", "--json")
    document = ChangedDocuments.model_validate_json(retried.stdout)
    assert (retried.returncode, [each.filename for each in document.changed], document.refused) == (1, ["broken.pdf"], [])
    assert document.changed[0].error
    processed = footnote(server.data_dir, "documents", "-c", "coffee", "process", "good.md", "--wait", "--json")
    document = ChangedDocuments.model_validate_json(processed.stdout)
    assert (processed.returncode, [each.state for each in document.changed]) == (0, ["completed"])
    cancelled = footnote(server.data_dir, "documents", "cancel", "good.md", "-c", "coffee")
    assert cancelled.returncode == 1
    assert "good.md" in cancelled.stdout
    assert "completed" in cancelled.stdout
    nothing = footnote(server.data_dir, "documents", "cancel", "--all", "-c", "coffee")
    assert (nothing.returncode, nothing.stdout.strip()) == (0, "There is nothing to cancel.")


def test_doctor_asks_the_server_for_its_parts(server: ServerProcess):
    examined = footnote(server.data_dir, "doctor", "--json")
    document = DoctorDocument.model_validate_json(examined.stdout)
    by_check = {finding.check: finding for finding in document.findings}
    assert {"Python", "packages", "memory", "disk", "data directory", "catalog", "index", "embedder", "generator"} <= set(by_check)
    assert f"process {server.process.pid}" in by_check["data directory"].detail
    assert (document.ok, examined.returncode) == (True, 0)


def test_a_second_server_on_the_data_directory_says_who_owns_it(server: ServerProcess):
    refused = footnote(server.data_dir, "serve", "--port", "0")
    assert refused.returncode == 1
    assert f"in use by process {server.process.pid}" in refused.stderr
    assert server.url in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_port_that_is_taken_is_said(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = footnote(tmp_path / "data", "serve", "--port", port)
    assert refused.returncode == 1
    assert f"port {port}" in refused.stderr
    assert "--port" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_ask_line_of_the_banner_works_when_pasted(server: ServerProcess):
    line = next(line.strip() for line in server.log().splitlines() if line.strip().startswith("footnote ask"))
    answered = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, env=environment(server.data_dir), check=True)
    assert "420" in answered.stdout


def test_what_serve_ingests_is_there_before_the_banner(server: ServerProcess):
    before, _, _ = server.log().partition("is ready on")
    assert "2 added, 0 there already, 0 failed" in before
    assert len(list(HANDBOOK.glob("travel-policy-*"))) == 2
