"""A server with keys, and people on another machine: whose the documents are that it brings in, and commands by its URL."""

import json
from pathlib import Path

from footnote.cli.documents import DocumentsDocument
from tests.acceptance.server_process import ServerProcess, footnote

ANNA, BERT = "anna-0123456789abcdef", "bert-0123456789abcdef"
KEYS = json.dumps([{"owner": "anna", "key": ANNA}, {"owner": "bert", "key": BERT}])


def test_what_a_server_brings_in_for_a_key_is_there_for_its_owner_on_another_machine(tmp_path: Path):
    (tmp_path / "lamp.md").write_text("# Lamps\n\nThe lamp in the cellar takes forty watts.\n")
    served = {"FOOTNOTE_SERVER__KEYS": KEYS, "FOOTNOTE_KEY": ANNA}
    with ServerProcess(tmp_path / "data", "--ingest", str(tmp_path / "lamp.md"), **served) as server:
        there = {"FOOTNOTE_URL": server.url}
        found = {}
        for key in (ANNA, BERT):
            listed = footnote(tmp_path / "elsewhere", "documents", "--json", FOOTNOTE_KEY=key, **there)
            assert listed.returncode == 0, listed.stderr
            found[key] = DocumentsDocument.model_validate_json(listed.stdout).documents
        assert [each.filename for each in found[ANNA]] == ["lamp.md"]
        # Only whose file it is may have it read again.
        for key, status in ((BERT, 1), (ANNA, 0)):
            assert (
                footnote(tmp_path / "elsewhere", "documents", "process", "lamp.md", "--wait", FOOTNOTE_KEY=key, **there).returncode
                == status
            )
        asked = footnote(tmp_path / "elsewhere", "ask", "How many watts does the lamp take?", FOOTNOTE_KEY=ANNA, **there)
        assert "forty watts" in asked.stdout, asked.stderr
    assert not (tmp_path / "elsewhere").exists()
