"""The two streams: results on standard output, progress and complaints on standard error."""

import sys
import unicodedata

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape

from footnote.cli.failure import CommandFailed

STEERING = ("Cc", "Cf", "Co", "Cs")
"""Unicode's categories of characters that control instead of show: escape sequences, reversed writing, half surrogates."""

HARMLESS = "\n\t\u200c\u200d"
"""Characters of these categories that texts need: line break, tab, and the joiners that Persian and emoji are written with."""

PIPE_WIDTH = 160
"""Columns where the output is no terminal: tables keep whole file names for grep and friends."""


def output() -> Console:
    """Return a console on standard output."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def messages() -> Console:
    """Return a console on standard error."""
    return Console(highlight=False, stderr=True, width=None if sys.stderr.isatty() else PIPE_WIDTH)


def printable(text: str) -> str:
    """Return a text without what would steer the terminal: documents and models may hold escape sequences. Line breaks and tabs stay."""
    return "".join(character for character in text if character in HARMLESS or unicodedata.category(character) not in STEERING)


def print_json(document: BaseModel) -> None:
    """Print one JSON document, the only thing on standard output."""
    sys.stdout.write(document.model_dump_json(indent=2) + "\n")


def complain(failure: CommandFailed) -> None:
    """Say what failed in one line, and what to do."""
    hint = f" {failure.hint}" if failure.hint else ""
    messages().print(f"[bold red]footnote:[/] {escape(printable(failure.message + hint))}", soft_wrap=True)
