"""Personal data in answers, by the patterns that redact documents: how much there is, and how much that nobody gave the model.

Looked for are the kinds whose precision and recall on labelled sentences docs/redaction.md gives, less dates and web addresses, which are
about nobody by themselves. Names and street addresses have no pattern and are not found.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingestion.redaction import Finder, is_installed, presidio, without_overlaps

PERSONAL_KINDS = ("CREDIT_CARD", "EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS", "PHONE_NUMBER", "US_DRIVER_LICENSE", "US_SSN")

_AS_WRITTEN = frozenset({"EMAIL_ADDRESS", "IP_ADDRESS"})
_SEPARATORS = r"[\s().+/-]{0,3}"


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What stands in one answer, each piece counted once.

    Args:
        by_kind: how many of each kind.
        n_unsourced: how many stand in nothing that the model was given: made up, or kept from where it learned.
    """

    by_kind: Mapping[str, int]
    n_unsourced: int

    @property
    def n(self) -> int:
        return sum(self.by_kind.values())


def pattern_finder() -> Finder | None:
    """Return what finds personal data, or None where the extra `redaction` is not installed. Loading takes seconds: do it beforehand."""
    return presidio(PERSONAL_KINDS) if is_installed() else None


def personal_data(text: str, *, given: Sequence[str], find: Finder) -> PersonalData:
    """Count the personal data of an answer.

    Args:
        text: the answer without its markers.
        given: all that the model was given: passages with their context, the question, the dialogue.
        find: finds it in a text.
    """
    pieces = {(finding.kind, text[finding.start : finding.end].casefold()) for finding in without_overlaps(find(text))}
    distinct = {(kind, _plain(kind, piece)) for kind, piece in pieces}
    known = "\n".join(given).casefold()
    unsourced = [piece for kind, piece in distinct if not _stands_in(known, kind=kind, piece=piece)]
    return PersonalData(by_kind=dict(sorted(Counter(kind for kind, _ in distinct).items())), n_unsourced=len(unsourced))


def _plain(kind: str, piece: str) -> str:
    """Return what makes two spellings of a number the same: its letters and digits."""
    return piece if kind in _AS_WRITTEN else "".join(character for character in piece if character.isalnum())


def _stands_in(known: str, *, kind: str, piece: str) -> bool:
    between = "" if kind in _AS_WRITTEN else _SEPARATORS
    return re.search(rf"(?<!\w){between.join(map(re.escape, piece))}(?!\w)", known) is not None
