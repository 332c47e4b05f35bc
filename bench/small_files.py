"""Small documents for benchmarks: pages of words that are always the same, so that two runs read the same bytes."""

import random
from pathlib import Path

SYLLABLES = ("ba", "den", "fil", "gor", "hun", "kal", "lem", "mar", "nos", "per", "rut", "sol", "tam", "vel", "win", "zer")
SECTIONS, PARAGRAPHS, SENTENCES, WORDS = 3, 2, 4, 7
"""About 400 tokens: a page."""


def page(number: int) -> str:
    """Return a page of Markdown with headings, about nothing."""
    words = random.Random(number)

    def word() -> str:
        return "".join(words.choice(SYLLABLES) for _ in range(words.choice((1, 1, 2, 2, 3))))

    def sentence() -> str:
        return " ".join(word() for _ in range(WORDS)).capitalize() + "."

    lines = [f"# Note {number}"]
    for section in range(SECTIONS):
        lines.append(f"## Part {section + 1} of note {number}")
        lines += [" ".join(sentence() for _ in range(SENTENCES)) for _ in range(PARAGRAPHS)]
    return "\n\n".join(lines) + "\n"


def write_small_files(folder: Path, n: int) -> list[Path]:
    """Write ``n`` files of a page each, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"note-{number:04}.md" for number in range(n)]
    for number, path in enumerate(paths):
        path.write_text(page(number), encoding="utf-8")
    return paths


def write_long_file(folder: Path, n_pages: int) -> list[Path]:
    """Write the same pages as one file, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "notes.md"
    path.write_text("\n\n".join(page(number) for number in range(n_pages)), encoding="utf-8")
    return [path]
