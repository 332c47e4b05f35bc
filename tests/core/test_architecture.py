"""What holds for the whole tree of sources, read from the sources."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("footnote", "ingestion", "retrieval", "serving", "evaluation", "tuning")
DATABASE = Path("footnote/core/catalog/database.py")
DRIVER = Path("footnote/core/catalog/one_trip_sqlite.py")
"""SQLite's driver, which commits when the database says so."""
RESTORING = {Path("footnote/core/backup/sqlite_catalog.py"), Path("footnote/core/backup/postgresql_catalog.py")}
"""They write into a catalog that is just being restored, before anybody has opened it."""
HEAVY = (
    "torch",
    "transformers",
    "sentence_transformers",
    "unstructured",
    "llama_index",
    "qdrant_edge",
    "qdrant_client",
    "fastapi",
    "openai",
)


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def commits_in(path: Path) -> Iterator[int]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr == "commit":
            yield node.lineno


def test_only_the_catalogs_database_commits():
    committing = {path.relative_to(ROOT) for path in sources() if any(commits_in(path))}
    assert committing - RESTORING == {DATABASE, DRIVER}


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_owns(path: Path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree)


@pytest.mark.parametrize(
    "modules",
    [
        "footnote.core.settings, footnote.core.catalog.catalog",
        "footnote.core.blobs, footnote.core.data_directory, footnote.core.telemetry",
        "retrieval.index.port, retrieval.embedder.port, serving.generator.port, serving.judge.port",
    ],
)
def test_the_ground_and_the_ports_import_nothing_heavy(modules: str):
    script = f"import sys, {modules}\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_importing_a_room_changes_nothing_in_the_process():
    """No handler is set up, no thread started, no file written by an import."""
    script = (
        "import logging, threading\n"
        "import footnote.core.settings, footnote.core.catalog.catalog, footnote.core.telemetry, footnote.core.data_directory\n"
        "print(logging.getLogger().handlers, threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[] 1"


SEARCHED = ("index", "searcher")


def searches() -> Iterator[tuple[Path, ast.Call]]:
    """Yield every call of an index's or a searcher's ``search``."""
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "search":
                receiver = ast.unparse(node.func.value).rpartition(".")[2]
                if receiver.strip("_") in SEARCHED:
                    yield path, node


def test_every_search_names_whose_access_it_has():
    found = list(searches())
    assert len(found) >= 4, "the searches have other names by now: look for those"
    for path, call in found:
        arguments = [ast.unparse(argument) for argument in (*call.args, *(keyword.value for keyword in call.keywords))]
        assert any("access" in argument for argument in arguments), f"{path.relative_to(ROOT)}:{call.lineno} searches for nobody"


def test_no_search_can_be_asked_without_access():
    """The argument has no default, in the port as in what stands on it."""
    definitions = [
        (path, node)
        for path in sources()
        if path.is_relative_to(ROOT / "retrieval")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "search"
    ]
    assert len(definitions) >= 3, "the port, Edge, the server"
    for path, node in definitions:
        required = node.args.args[: len(node.args.args) - len(node.args.defaults)]
        assert "access" in {argument.arg for argument in required}, f"{path.relative_to(ROOT)}:{node.lineno}"
