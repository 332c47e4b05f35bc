"""The reference of the command line, written from the commands and from the documents that ``--json`` prints.

``python -m footnote.cli.command_line_reference > docs/command-line.md`` writes it anew; a test compares the two.
"""

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import typer.main
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from footnote.cli.deleting import DeletedRunsDocument, DeletedSetDocument
from footnote.cli.erase import ErasedFiles
from footnote.cli.evaluate_documents import EvaluateJudgeDocument
from footnote.cli.evaluate_run_documents import EvaluateDocument, ReportDocument
from footnote.cli.evaluate_runs import RunDocument, RunsDocument
from footnote.cli.json_documents import (
    AskDocument,
    BackupDocument,
    ChangedDocuments,
    DoctorDocument,
    DocumentsDocument,
    IngestDocument,
    RestoreDocument,
    SearchDocument,
    TurnDocument,
)
from footnote.cli.main import app
from footnote.cli.reindex_documents import ReindexDocument
from footnote.cli.sets import ImportedSetDocument, SetsDocument
from footnote.cli.sets_generate import GeneratedSetDocument

INTRODUCTION = """\
# Command line

Written from `footnote/cli` by `python -m footnote.cli.command_line_reference > docs/command-line.md`; a test compares the two.

All commands but `serve` talk HTTP to the server that owns the data directory. Where none runs, a command starts one for itself, on a free
port of this machine, and stops it at its end: what works beside a server works without one. With `--url`, or `FOOTNOTE_URL`, `ingest`,
`search`, `ask`, `documents`, `reindex`, `sets`, `evaluate`, `report` and `turn` talk to a server anywhere and start none; send a key to
another machine over `https` only.

A server with keys (`server.keys`) keeps the files of each key's owner apart. Give a key with `--key` or, better, in `FOOTNOTE_KEY`: what
the command brings in belongs to its owner, and it changes that owner's files. Without one it acts for the user who runs the server, who is
the owner `local`, has no part in the others' files, and alone may re-index the collection `default`.

| exit status | meaning |
| --- | --- |
| 0 | done; for `serve`, stopped by Ctrl-C or SIGTERM |
| 1 | failed: the line on standard error says what and what to do |
| 2 | wrong usage: an unknown option or setting, a path that names nothing |

With `--json` a command prints one JSON document on standard output and nothing else there; progress and complaints go to standard
error. Its fields stand under each command; others may be added, and none is taken away without a new major version.
"""

JSON_DOCUMENTS: dict[str, type[BaseModel]] = {
    "ingest": IngestDocument,
    "search": SearchDocument,
    "ask": AskDocument,
    "documents": DocumentsDocument,
    "documents cancel": ChangedDocuments,
    "documents retry": ChangedDocuments,
    "documents process": ChangedDocuments,
    "documents erase": ErasedFiles,
    **{f"reindex {action}": ReindexDocument for action in ("start", "status", "flip", "back", "cancel", "drop")},
    "sets import": ImportedSetDocument,
    "sets generate": GeneratedSetDocument,
    "sets list": SetsDocument,
    "sets delete": DeletedSetDocument,
    "evaluate run": EvaluateDocument,
    "evaluate list": RunsDocument,
    "evaluate cancel": RunDocument,
    "evaluate delete": DeletedRunsDocument,
    "evaluate judge": EvaluateJudgeDocument,
    "report": ReportDocument,
    "turn": TurnDocument,
    "doctor": DoctorDocument,
    "backup": BackupDocument,
    "restore": RestoreDocument,
}


def command_line_reference() -> str:
    """Return ``docs/command-line.md``."""
    sections = (line for name, command in _commands(typer.main.get_group(app)) for line in _section(name, command))
    return "\n".join([INTRODUCTION, *sections]).rstrip() + "\n"


def _commands(group: TyperGroup, before: str = "") -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    """Yield commands with their full names, a group before those in it."""
    for name, command in group.commands.items():
        if isinstance(command, TyperCommand | TyperGroup):
            yield before + name, command
        if isinstance(command, TyperGroup):
            yield from _commands(command, f"{before}{name} ")


def _section(name: str, command: TyperCommand | TyperGroup) -> Iterator[str]:
    yield f"## footnote {name}\n"
    yield from _explanation(inspect.cleandoc(command.help or ""))
    yield "| option | meaning |\n| --- | --- |"
    for parameter in command.params:
        if isinstance(parameter, TyperArgument):
            yield f"| `{parameter.metavar or (parameter.name or '').upper()}` | {parameter.help} |"
        elif isinstance(parameter, TyperOption):
            yield f"| {', '.join(f'`{option}`' for option in parameter.opts)} | {parameter.help} |"
    yield ""
    if name in JSON_DOCUMENTS:
        yield from _document(JSON_DOCUMENTS[name])


def _explanation(text: str) -> Iterator[str]:
    """Yield the command's own help, its examples as code."""
    for paragraph in text.split("\n\n"):
        yield f"```sh\n{inspect.cleandoc(paragraph)}\n```\n" if paragraph.startswith("    ") else f"{paragraph}\n"


def _document(model: type[BaseModel]) -> Iterator[str]:
    _, schema = models_json_schema([(model, "serialization")], ref_template="{model}")
    definitions: dict[str, Any] = schema["$defs"]
    yield "With `--json`:\n"
    for name in (model.__name__, *sorted(set(definitions) - {model.__name__})):
        yield f"**{name}**: {definitions[name]['description']}\n"
        yield "| field | type | meaning |\n| --- | --- | --- |"
        for field, details in definitions[name]["properties"].items():
            yield f"| `{field}` | {_type_of(details)} | {details.get('description', '')} |"
        yield ""


def _type_of(details: dict[str, Any]) -> str:
    """Return a JSON type in words."""
    if "$ref" in details:
        return details["$ref"]
    if "anyOf" in details:
        return " or ".join(_type_of(choice) for choice in details["anyOf"])
    if "enum" in details:
        return ", ".join(f"`{word}`" for word in details["enum"])
    if details["type"] == "array":
        return f"array of {_type_of(details['items'])}"
    if details["type"] == "object":
        values: dict[str, Any] | bool = details.get("additionalProperties", True)
        return "object" if isinstance(values, bool) else f"object of {_type_of(values)}"
    return details["type"]


if __name__ == "__main__":
    sys.stdout.write(command_line_reference())
