"""No search without an access filter: read from the syntax tree, so that forgetting it fails before anything runs.

Two halves. Whoever searches an index says for whom: every call of ``search`` on something that is called an index passes ``access``. And
nobody can leave it out: the port and each class that fulfils it take ``access`` without a default.
"""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.index.edge import EdgeIndex
from retrieval.index.port import Index
from retrieval.index.server import QdrantIndex

ROOT = Path(__file__).parents[1]
PACKAGES = ("footnote", "ingestion", "retrieval", "serving", "evaluation", "tuning", "bench")
SCOPED = ("search", "retrieve")
"""Methods that read what people may not all read: ``Index.search``, and what is built on it."""


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            yield file, ast.parse(file.read_text(encoding="utf-8"))


def is_index(value: ast.expr) -> bool:
    """``index``, ``self._index``, ``wiring.index``, ``create_index(…)``: what our code calls an index."""
    match value:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name.lstrip("_") == "index" or name.endswith("_index")
        case ast.Call(func=ast.Name(name) | ast.Attribute(attr=name)):
            return name == "create_index" or name.endswith("Index")
        case ast.Await(inner):
            return is_index(inner)
        case _:
            return False


def searches_without_access(tree: ast.Module) -> list[int]:
    """Return the lines on which an index is searched without saying for whom: not by keyword, and not as the second argument."""
    return [
        call.lineno
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "search"
        and is_index(call.func.value)
        and len(call.args) < 2
        and not any(keyword.arg == "access" for keyword in call.keywords)
    ]


def definitions(tree: ast.Module) -> Iterator[tuple[ast.ClassDef, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for owner in ast.walk(tree):
        if isinstance(owner, ast.ClassDef):
            for member in owner.body:
                if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield owner, member


def test_every_search_of_an_index_says_for_whom():
    forgotten = [f"{file.relative_to(ROOT)}:{line}" for file, tree in modules() for line in searches_without_access(tree)]
    assert not forgotten, "searches without an access filter"


@pytest.mark.parametrize(
    ("code", "n_found"),
    [
        ("await index.search(query)", 1),
        ("await self._index.search(query=query)", 1),
        ("await self.catalog_index.search(query, limit=3)", 1),
        ("(await create_index(settings)).search(query)", 1),
        ("await index.search(query, access)", 0),
        ("await index.search(query, access=access)", 0),
        ("re.search(pattern, text)", 0),
        ("pattern.search(text)", 0),
    ],
)
def test_the_check_finds_what_it_is_for(code, n_found):
    tree = ast.parse(f"async def f():\n    {code}")
    assert len(searches_without_access(tree)) == n_found


@pytest.mark.parametrize("index", [Index, EdgeIndex, QdrantIndex])
def test_no_index_has_a_default_for_access(index):
    access = inspect.signature(index.search).parameters["access"]
    assert access.default is inspect.Parameter.empty
    assert access.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD


def test_whatever_is_built_on_search_requires_access_as_well():
    """A public method called ``search`` or ``retrieve`` that takes ``access`` takes it without a default."""
    n_seen = 0
    for file, tree in modules():
        for owner, method in definitions(tree):
            positional = [*method.args.posonlyargs, *method.args.args]
            defaults = dict(zip([argument.arg for argument in positional[::-1]], method.args.defaults[::-1], strict=False))
            defaults |= {
                argument.arg: default
                for argument, default in zip(method.args.kwonlyargs, method.args.kw_defaults, strict=True)
                if default is not None
            }
            names = [argument.arg for argument in [*positional, *method.args.kwonlyargs]]
            if method.name in SCOPED and "access" in names:
                n_seen += 1
                assert "access" not in defaults, f"{file.relative_to(ROOT)}: {owner.name}.{method.name}"
    assert n_seen >= 3  # the port and both engines
