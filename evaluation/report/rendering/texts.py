"""The texts that a page shows beside a body's ids: looked up for whoever reads it, each time it is read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from footnote.core.types import Verdict

_UNSEEN = re.compile(
    r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f]"
)


class Missing(StrEnum):
    """Why there is no text for a case. Each value is what the page says."""

    ERASED = "Erased: a document that this case quotes is gone."
    FORBIDDEN = "You may not read this."


@dataclass(frozen=True, slots=True)
class ClaimText:
    """A claim of a draft with its verdict, and the numbers of the passages that it cites."""

    text: str
    verdict: Verdict
    score: float | None = None
    passages: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PassageText:
    """A passage of the turn's prompt. ``is_source`` where the labels say that the answer stands there."""

    n: int
    filename: str
    page: int | None
    text: str
    is_source: bool = False


@dataclass(frozen=True, slots=True)
class CaseTexts:
    """What was asked and answered. ``expected`` is the reference answer, empty where there is none."""

    question: str
    draft: str = ""
    shown: str = ""
    expected: str = ""
    claims: tuple[ClaimText, ...] = ()
    passages: tuple[PassageText, ...] = ()


Texts = Mapping[str, CaseTexts | Missing]
"""By the id of a case, or of the turn where the body names one. An id that is not there is as one that was erased."""


def seen(text: str) -> str:
    """Return a text in which nothing works unseen: characters that turn the direction of writing, join or hide show their number.

    They could make a page say something else than what stands in it.
    """
    return _UNSEEN.sub(lambda match: f"⟨U+{ord(match.group()):04X}⟩", text.replace("\r\n", "\n"))
