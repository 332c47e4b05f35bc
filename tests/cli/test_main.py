import subprocess
import sys

import pytest
from typer.testing import CliRunner

from footnote import __version__
from footnote.cli.main import app, main

COMMANDS = ("serve", "ingest", "search", "ask", "documents", "doctor", "backup", "restore")
QUICK_S = 0.5


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_examples(command: str):
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"footnote {command}" in result.stdout.split("Options")[0].split("For example")[1] or command == "doctor"
    assert "--data-dir" in result.stdout


def test_no_command_shows_all_of_them():
    result = CliRunner().invoke(app, [])
    assert all(command in result.output for command in COMMANDS)


def test_version():
    assert CliRunner().invoke(app, ["--version"]).stdout.strip() == __version__


def help_and(expression: str) -> str:
    return f"""
import sys, time
from footnote.cli.main import main
try: main(["--help"])
except SystemExit: print({expression}, file=sys.stderr)
"""


def test_help_is_instant():
    # CPU time, not the clock: other processes of a test run must not decide.
    code = help_and("time.process_time()")
    taken = min(float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr) for _ in range(3))
    assert taken < QUICK_S


def test_help_imports_nothing_heavy():
    code = help_and("sorted(sys.modules)")
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    assert not [name for name in ("torch", "httpx", "pydantic", "fastapi", "sqlalchemy") if f"'{name}'" in loaded]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["serve", "--host", "0.0.0.0"], "server.keys"),
        (["ingest", "no/such/file"], "no/such/file"),
        (["search", "--no-such-option", "x"], "No such option"),
        (["ask"], "Missing argument"),
        (["search", "x", "--limit", "99"], "--limit"),
    ],
)
def test_wrong_usage_is_said_and_ends_with_2(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    captured = capsys.readouterr()
    assert complaint in captured.err
    assert captured.out == ""


def test_an_unknown_setting_is_wrong_usage(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("FOOTNOTE_SERVER__PROT", "9")
    with pytest.raises(SystemExit) as raised:
        main(["documents"])
    assert raised.value.code == 2
    assert "FOOTNOTE_SERVER__PORT" in capsys.readouterr().err
