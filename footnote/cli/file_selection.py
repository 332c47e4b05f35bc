"""Which files a list of paths means: files, folders with all that is in them, and globs that the shell has left alone."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from footnote.cli.failure import WRONG_USAGE, CommandFailed

_WILDCARDS = frozenset("*?[")


def select_files(arguments: Sequence[str]) -> list[Path]:
    """Return the files, each once, in the order of the arguments and by name within a folder.

    Hidden files and folders (a leading dot) are passed over unless they are named themselves; links to folders are not followed.

    Raises:
        CommandFailed: an argument names nothing, or there is no file in what they name.
    """
    chosen: dict[Path, Path] = {}
    for argument in arguments:
        for path in _files_of(argument):
            chosen.setdefault(path.resolve(), path)
    if not chosen:
        raise CommandFailed(f"There is no file in {', '.join(arguments)}.", hint="Hidden files are passed over unless they are named.")
    return list(chosen.values())


def _files_of(argument: str) -> Iterator[Path]:
    path = Path(argument).expanduser()
    if path.is_dir():
        yield from _inside(path)
    elif path.exists():
        yield path
    elif _WILDCARDS & set(argument):
        matches = sorted(_matches(path))
        if not matches:
            raise CommandFailed(f"Nothing matches {argument}.", exit_status=WRONG_USAGE)
        for match in matches:
            yield from _inside(match) if match.is_dir() else (match,)
    else:
        raise CommandFailed(f"There is no file or folder {argument}.", exit_status=WRONG_USAGE)


def _inside(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            if not name.startswith(".") and path.is_file():
                yield path


def _matches(pattern: Path) -> Iterator[Path]:
    """Expand a pattern whose wildcards may stand in any part of it; ``**`` goes through folders of any depth."""
    parts = pattern.parts
    n_fixed = next(position for position, part in enumerate(parts) if _WILDCARDS & set(part))
    root, relative = Path(*parts[:n_fixed]), str(Path(*parts[n_fixed:]))
    for match in root.glob(relative):
        if not any(part.startswith(".") for part in match.relative_to(root).parts):
            yield match
