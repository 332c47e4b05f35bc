"""The command ``tesseract``: found on PATH, handed a picture, and understood."""

import csv
import shutil
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import structlog

_ORIENTATION = "osd"
"""The data with which tesseract turns pages that lie on their side."""

_LIST_TIMEOUT_S = 30
_PAGE_TIMEOUT_S = 180
_WORD_LEVEL = "5"
_LINE_LEVEL = "4"
_MIN_WORD_CONFIDENCE = 30.0
"""Below it tesseract reads letters into pictures: docs/reading-files.md."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RecognisedWord:
    """A word and its box in pixels from the upper left corner; ``line`` tells lines apart, ``confidence`` goes to 100."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    line: int
    line_width: float
    line_height: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Recognition:
    """The words of one picture in reading order."""

    words: tuple[RecognisedWord, ...]

    @property
    def confidence(self) -> float:
        """The mean over its words; 0 where there are none."""
        return statistics.fmean(word.confidence for word in self.words) if self.words else 0.0


@dataclass(frozen=True, slots=True)
class Tesseract:
    """The command and the languages that it is asked for."""

    command: str
    languages: tuple[str, ...]
    knows_orientation: bool

    @classmethod
    def find(cls, languages: Sequence[str]) -> Self | str:
        """Return the command, or what is missing, in words that go on after "install"."""
        command = shutil.which("tesseract")
        if command is None:
            return "tesseract"
        installed = _installed_languages(command)
        known = tuple(language for language in languages if language in installed)
        if len(known) < len(languages):
            missing = [language for language in languages if language not in installed]
            log.warning("tesseract lacks languages", missing=missing, installed=sorted(installed))
            if not known:
                return f"tesseract's data for {', '.join(missing)}"
        return cls(command=command, languages=known, knows_orientation=_ORIENTATION in installed)

    def recognise(self, picture: bytes, *, dpi: float | None) -> Recognition | None:
        """Return the words of a picture; None where tesseract fails.

        Args:
            picture: in a format that it reads; PGM costs least.
            dpi: the resolution, where it is known.
        """
        arguments = ["stdin", "stdout", "-l", "+".join(self.languages), "--psm", "1" if self.knows_orientation else "3"]
        if dpi is not None:
            arguments += ["--dpi", str(round(dpi))]
        try:
            done = subprocess.run(  # noqa: S603 - found on PATH; its arguments come from settings
                [self.command, *arguments, "-c", "tessedit_create_tsv=1"],
                input=picture,
                capture_output=True,
                timeout=_PAGE_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            log.warning("tesseract took too long over a page", limit_s=_PAGE_TIMEOUT_S)
            return None
        if done.returncode != 0:
            log.warning("tesseract failed on a page", status=done.returncode)
            return None
        return Recognition(tuple(words_of(done.stdout.decode("utf-8", errors="replace"))))


def words_of(table: str) -> Iterator[RecognisedWord]:
    """Return the words of tesseract's TSV; rows that are none of its own are left out."""
    line, line_width, line_height = 0, 0.0, 0.0
    for row in csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
        try:
            left, top, width, height = (float(row[name]) for name in ("left", "top", "width", "height"))
            confidence = float(row["conf"])
        except (KeyError, TypeError, ValueError):
            continue
        if row["level"] == _LINE_LEVEL:
            line, line_width, line_height = line + 1, width, height
        text = _text_of(row)
        if row["level"] == _WORD_LEVEL and text and confidence >= _MIN_WORD_CONFIDENCE:
            box = left, top, left + width, top + height
            yield RecognisedWord(text, *box, line=line, line_width=line_width, line_height=line_height, confidence=confidence)


def _text_of(row: Mapping[str, str | None]) -> str:
    return (row.get("text") or "").strip()


def _installed_languages(command: str) -> frozenset[str]:
    try:
        done = subprocess.run([command, "--list-langs"], capture_output=True, timeout=_LIST_TIMEOUT_S, check=False)  # noqa: S603
    except (subprocess.TimeoutExpired, OSError):
        return frozenset()
    lines = done.stdout.decode("utf-8", errors="replace").splitlines()
    return frozenset(line.strip() for line in lines[1:])  # the first line says how many there are, and where
