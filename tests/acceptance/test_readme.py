"""README's code blocks that are marked ``run`` work as they stand, against a real server."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.server_process import ServerProcess, environment

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(sh|python) run\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
SHELLS = {"sh": ["sh", "-ec"], "python": [sys.executable, "-c"]}


def test_there_are_blocks_for_curl_the_client_and_the_command_line():
    assert [language for language, _ in BLOCKS] == ["sh", "python", "sh"]


@pytest.mark.parametrize(("language", "code"), BLOCKS, ids=["curl", "openai", "command-line"])
def test_the_block_works(server: ServerProcess, language: str, code: str):
    code = code.replace("http://127.0.0.1:8080", server.url)
    ran = subprocess.run(
        [*SHELLS[language], code], cwd=ROOT, env=environment(server.data_dir), capture_output=True, text=True, timeout=280, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "travel-policy" in ran.stdout or "safety-manual.pdf, page" in ran.stdout


def test_links_lead_somewhere():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert len(targets) > 8
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_make_targets_that_are_named_exist():
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    named = set(re.findall(r"^make ([a-z]+)", README, flags=re.MULTILINE)) | {"install", "clean"}
    assert named >= {"run", "test", "check", "bench"}
    assert [target for target in named if f"make {target}" not in listed] == []
