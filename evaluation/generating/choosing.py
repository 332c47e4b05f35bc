"""Which of many candidates become cases: spread over documents and kinds, the same for the same documents and seed. Pure."""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from evaluation.cases import Case, GoldPassage
from evaluation.generating.candidate import Candidate, CaseKind, LeftOut
from evaluation.generating.source import Source
from evaluation.labels import normalised

UNANSWERABLE_SHARE = 0.15
POOL_PER_CASE = 3
"""Candidates that are kept for each case that is wanted: some turn out to be ambiguous or answered elsewhere."""

SLICE_CHARS = 100_000
OVERLAP_CHARS = 2_000
NEAR_CHARS = 1_000
"""Of two expressions that stand no further apart than this, one may be said of the other."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """A candidate with its document, and its quote as it stands there."""

    candidate: Candidate
    source_id: str
    name: str
    quote: str

    def lot(self, seed: int) -> bytes:
        return hashlib.sha256(f"{seed}:{self.name}:{self.candidate.question}".encode()).digest()

    def case(self, *, made_by: str) -> Case:
        """Return the case. Its id depends on document and question alone, so that it is the same in each version of a set."""
        candidate = self.candidate
        digest = hashlib.sha256(f"{self.name}\n{candidate.question}".encode()).hexdigest()
        gold = () if not self.quote else (GoldPassage(document=self.name, page=candidate.page, quote=self.quote),)
        return Case(
            id=f"{candidate.kind}-{digest[:12]}",
            question=candidate.question,
            kind=candidate.kind,
            answerable=candidate.kind is not CaseKind.UNANSWERABLE,
            reference_answer=candidate.reference_answer,
            answers=candidate.answers,
            gold=gold,
            document=self.name,
            generated_by=made_by,
        )


def most_per_document(n_cases: int, n_documents: int) -> int:
    """Return how many cases a document gives at most: three times its share, so that rich ones make up for poor ones."""
    return max(3, math.ceil(3 * n_cases / max(n_documents, 1)))


def drafted(source: Source, candidates: Iterable[Candidate], *, source_id: str, seed: int, limit: int) -> list[Drafted]:
    """Return at most ``limit`` answerable drafts of a document and as many of the others, of each kind about as many."""
    text = source.document.text
    drafts = [Drafted(each, source_id=source_id, name=source.name, quote=text[each.start : each.end]) for each in candidates]
    by_kind: dict[CaseKind, list[Drafted]] = defaultdict(list)
    for draft in sorted(drafts, key=lambda draft: draft.lot(seed)):
        by_kind[draft.candidate.kind].append(draft)
    others = by_kind.pop(CaseKind.UNANSWERABLE, [])
    return [*_in_turn(list(by_kind.values()))[:limit], *others[:limit]]


@dataclass
class Checks:
    """What the other documents say against drafts: fed with the text of one document after the other, in slices."""

    drafts: Sequence[Drafted]
    left_out: Counter[LeftOut] = field(default_factory=Counter[LeftOut])
    _bad: set[int] = field(default_factory=set[int])

    def __post_init__(self) -> None:
        self._quotes = [normalised(draft.quote) for draft in self.drafts]
        self._absent = [normalised(draft.candidate.absent) for draft in self.drafts]
        self._apart = [tuple(map(normalised, draft.candidate.apart)) for draft in self.drafts]

    def look_at(self, text: str, *, source_id: str) -> None:
        """Look at a slice of a document; slices overlap."""
        plain = normalised(text)
        for place, draft in enumerate(self.drafts):
            if place not in self._bad and self._speaks_against(plain, place, is_own=source_id == draft.source_id):
                self._bad.add(place)
                is_unanswerable = draft.candidate.kind is CaseKind.UNANSWERABLE
                self.left_out[LeftOut.ANSWERED_ELSEWHERE if is_unanswerable else LeftOut.AMBIGUOUS] += 1

    def passed(self) -> list[Drafted]:
        """Return the drafts that nothing speaks against."""
        return [draft for place, draft in enumerate(self.drafts) if place not in self._bad]

    def _speaks_against(self, plain: str, place: int, *, is_own: bool) -> bool:
        if self.drafts[place].candidate.kind is not CaseKind.UNANSWERABLE:
            return not is_own and self._quotes[place] in plain
        return bool(self._absent[place] and self._absent[place] in plain) or _stand_together(plain, self._apart[place])


def slices(text: str) -> Iterable[str]:
    """Yield a text in overlapping pieces, each of which takes a few milliseconds to look at."""
    for start in range(0, max(len(text), 1), SLICE_CHARS):
        yield text[max(0, start - OVERLAP_CHARS) : start + SLICE_CHARS]


def choose(drafts: Sequence[Drafted], *, n_cases: int, limit: int, seed: int) -> list[Drafted]:
    """Return the drafts that become cases: about a seventh unanswerable, at most ``limit`` of a document, one of a passage.

    Documents take turns in an order that the seed draws; each gives the kind that the set has least of so far.
    """
    unanswerable = [draft for draft in drafts if draft.candidate.kind is CaseKind.UNANSWERABLE]
    chosen = _spread(unanswerable, n_cases=round(n_cases * UNANSWERABLE_SHARE), limit=limit, seed=seed)
    of_each = Counter(draft.source_id for draft in chosen)
    others = [draft for draft in drafts if draft.candidate.kind is not CaseKind.UNANSWERABLE]
    chosen += _spread(others, n_cases=n_cases - len(chosen), limit=limit, seed=seed, taken=of_each)
    return sorted(chosen, key=lambda draft: (draft.name, draft.candidate.kind, draft.candidate.start, draft.candidate.question))


def _spread(drafts: Sequence[Drafted], *, n_cases: int, limit: int, seed: int, taken: Mapping[str, int] | None = None) -> list[Drafted]:
    waiting: dict[str, list[Drafted]] = defaultdict(list)
    for draft in sorted(drafts, key=lambda draft: draft.lot(seed)):
        waiting[draft.source_id].append(draft)
    of_document, of_kind = Counter(taken or {}), Counter[CaseKind]()
    used: set[tuple[str, object]] = set()
    chosen: list[Drafted] = []
    while len(chosen) < n_cases and any(waiting.values()):
        for source_id, left in waiting.items():
            left[:] = [] if of_document[source_id] >= limit else [draft for draft in left if _once(draft) not in used]
            if not left or len(chosen) == n_cases:
                continue
            best = min(left, key=lambda draft: of_kind[draft.candidate.kind])
            left.remove(best)
            chosen.append(best)
            used.add(_once(best))
            of_document[source_id] += 1
            of_kind[best.candidate.kind] += 1
    return chosen


def _once(draft: Drafted) -> tuple[str, object]:
    """Return what no two cases share: the gold passage, or what an unanswerable question was made of."""
    return draft.source_id, draft.candidate.group or draft.candidate.start


def _stand_together(plain: str, words: Sequence[str]) -> bool:
    if not words:
        return False
    first, *others = words
    place = plain.find(first)
    while place >= 0:
        around = plain[max(0, place - NEAR_CHARS) : place + len(first) + NEAR_CHARS]
        if all(other in around for other in others):
            return True
        place = plain.find(first, place + 1)
    return False


def _in_turn(lists: Sequence[Sequence[Drafted]]) -> list[Drafted]:
    return [each[place] for place in range(max(map(len, lists), default=0)) for each in lists if place < len(each)]
