"""The two streams: results on standard output, progress and complaints on standard error."""

import sys

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape

from footnote.cli.failure import CommandFailed

PIPE_WIDTH = 160
"""Columns where the output is no terminal: tables keep whole file names for grep and friends."""


def output() -> Console:
    """Return a console on standard output."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def messages() -> Console:
    """Return a console on standard error."""
    return Console(highlight=False, stderr=True, width=None if sys.stderr.isatty() else PIPE_WIDTH)


def print_json(document: BaseModel) -> None:
    """Print one JSON document, the only thing on standard output."""
    sys.stdout.write(document.model_dump_json(indent=2) + "\n")


def complain(failure: CommandFailed) -> None:
    """Say what failed in one line, and what to do."""
    hint = f" {failure.hint}" if failure.hint else ""
    messages().print(f"[bold red]footnote:[/] {escape(failure.message)}{escape(hint)}", soft_wrap=True)
