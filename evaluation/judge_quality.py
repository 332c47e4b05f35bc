"""The judge is judged: how well its verdicts and scores agree with people's labels of claims and contexts, with intervals.

Balanced accuracy is the mean of the shares of supported and of unsupported claims that are decided rightly. AUROC is the share of pairs of
a supported and an unsupported claim of which the supported one has the higher score, ties counting half. The expected calibration error
(Naeini et al. 2015) is the mean distance of score and share of supported claims over ten bins of equal width, each weighing as its claims
are many. Intervals are percentile bootstraps over claims, drawn among supported and unsupported ones apart, so that no draw lacks either.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evaluation.intervals import SEED
from footnote.core.errors import InvalidInput
from footnote.core.types import Passage
from serving.judge.port import Judge

N_RESAMPLES = 2_000
N_BINS = 10
SHIPPED = Path(__file__).with_name("judge_quality.json")
"""Figures of the judge that comes with footnote on public sets; ``bench/judge_quality.py`` writes it."""

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """A claim, the text that it is about, and whether people say that the text supports it (1) or not (0)."""

    claim: str
    context: str
    label: int


@dataclass(frozen=True, slots=True)
class Rating:
    """What a judge said of a pair; ``score`` is None where it gives verdicts alone."""

    supported: bool
    score: float | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Claims whose score is in [low, high), the last bin with its end: how many, their mean score, and the share that is supported."""

    low: float
    high: float
    n: int
    mean_score: float
    supported: float


@dataclass(frozen=True, slots=True)
class JudgeQuality:
    """How well a judge agrees with the labels of one set.

    Args:
        judge: its name, as in every score that it gives.
        revision: what tells two fits of it apart.
        labels: name of the labelled set.
        labels_sha256: of its bytes.
        n: pairs that were judged; ``n_failed`` more could not be.
        n_supported: of the pairs that were judged, those that people call supported.
        auroc: None, like the calibration error, for a judge that gives verdicts without scores.
    """

    judge: str
    revision: str
    labels: str
    labels_sha256: str
    n: int
    n_failed: int
    n_supported: int
    balanced_accuracy: Estimate
    auroc: Estimate | None
    calibration_error: Estimate | None
    bins: tuple[ReliabilityBin, ...]

    def as_json(self) -> dict[str, Any]:
        """Return figures, rounded to four digits, and names; no claim and no context."""
        return _rounded(asdict(self))


class PairJudge(Protocol):
    """Anything that rates claims against a context."""

    @property
    def name(self) -> str: ...
    @property
    def revision(self) -> str: ...

    async def rate(self, claims: Sequence[str], context: str) -> Sequence[Rating | None]:
        """Return a rating for each claim, in order; None where it could not be judged."""
        ...


class ServingJudge:
    """The judge that serves, as a ``PairJudge``: the context is one passage."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    @property
    def name(self) -> str:
        return self._judge.name

    @property
    def revision(self) -> str:
        return self._judge.revision

    async def rate(self, claims: Sequence[str], context: str) -> Sequence[Rating | None]:
        judgements = await self._judge.judge(claims, [passage_of(context)])
        return [Rating(supported=judgement.supported, score=judgement.score) for judgement in judgements]


def read_pairs(path: Path) -> tuple[LabelledPair, ...]:
    """Read labelled pairs from JSON lines with ``claim``, ``context`` and ``label`` (1 or true: supported; 0 or false: not).

    Raises:
        InvalidInput: the file cannot be read, a line is no such pair (the message says which), or one of the labels has no pair.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            pairs = tuple(_pair(line, number=number) for number, line in enumerate(lines, start=1) if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The labels {path} cannot be read: {error}.") from error
    require_both_labels(pairs)
    return pairs


def sha256_of(path: Path) -> str:
    """Return the hash that names a file of labels."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def require_both_labels(pairs: Sequence[LabelledPair]) -> None:
    """Refuse pairs of which all are supported, or none is.

    Raises:
        InvalidInput: so it is.
    """
    if {pair.label for pair in pairs} != {0, 1}:
        raise InvalidInput(
            "The labels need supported and unsupported claims: a judge is measured by telling them apart.",
            hint="Each line has `claim`, `context` and `label`, which is 1 or 0.",
        )


async def measure(
    judge: PairJudge,
    pairs: Sequence[LabelledPair],
    *,
    labels: str,
    labels_sha256: str,
    on_progress: Callable[[int], None] = lambda _: None,
) -> JudgeQuality:
    """Let a judge rate all pairs and compare it with the labels.

    Args:
        judge: who is judged.
        pairs: with both labels among them.
        labels: name of the set.
        labels_sha256: of the set's bytes.
        on_progress: is told how many more pairs are done.

    Raises:
        InvalidInput: what could be judged has not both labels.
    """
    ratings: list[Rating | None] = [None] * len(pairs)
    for context, indices in _by_context(pairs):
        rated = await judge.rate([pairs[index].claim for index in indices], context)
        for index, rating in zip(indices, rated, strict=True):
            ratings[index] = rating
        on_progress(len(indices))
    judged = [(pair, rating) for pair, rating in zip(pairs, ratings, strict=True) if rating is not None]
    require_both_labels([pair for pair, _ in judged])
    truth = np.array([pair.label for pair, _ in judged], dtype=np.int64)
    decided = np.array([rating.supported for _, rating in judged], dtype=np.float64)
    scores = [rating.score for _, rating in judged if rating.score is not None]
    scored = np.array(scores, dtype=np.float64) if len(scores) == len(judged) else None
    return JudgeQuality(
        judge=judge.name,
        revision=judge.revision,
        labels=labels,
        labels_sha256=labels_sha256,
        n=len(judged),
        n_failed=len(pairs) - len(judged),
        n_supported=int(truth.sum()),
        balanced_accuracy=estimate(balanced_accuracy, truth, decided),
        auroc=None if scored is None else estimate(auroc, truth, scored),
        calibration_error=None if scored is None else estimate(calibration_error, truth, scored),
        bins=() if scored is None else reliability(truth, scored),
    )


def balanced_accuracy(truth: Labels, decided: Floats) -> float:
    """Return the mean of the shares decided rightly among supported and among unsupported claims; ``decided`` is 1 or 0."""
    return float((decided[truth == 1].mean() + 1 - decided[truth == 0].mean()) / 2)


def auroc(truth: Labels, scores: Floats) -> float:
    """Return the area under the ROC curve, as the rank-sum statistic gives it; ties count half."""
    n_supported = int(truth.sum())
    n_unsupported = truth.size - n_supported
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(counts) - (counts - 1) / 2
    ranks = float(mean_ranks[place][truth == 1].sum())
    return (ranks - n_supported * (n_supported + 1) / 2) / (n_supported * n_unsupported)


def calibration_error(truth: Labels, scores: Floats) -> float:
    """Return the expected calibration error: 0 where, of the claims scored x, a share of x is supported."""
    place = _bin_of(scores)
    sums = np.bincount(place, weights=scores - truth, minlength=N_BINS)
    return float(np.abs(sums).sum() / truth.size)


def reliability(truth: Labels, scores: Floats) -> tuple[ReliabilityBin, ...]:
    """Return the bins that hold a claim, lowest scores first."""
    place = _bin_of(scores)
    return tuple(
        ReliabilityBin(
            low=number / N_BINS,
            high=(number + 1) / N_BINS,
            n=int((place == number).sum()),
            mean_score=float(scores[place == number].mean()),
            supported=float(truth[place == number].mean()),
        )
        for number in range(N_BINS)
        if (place == number).any()
    )


def estimate(figure: Callable[[Labels, Floats], float], truth: Labels, values: Floats, *, seed: int = SEED) -> Estimate:
    """Return a figure with the 2.5th and 97.5th percentiles of its resamples. The same values give the same interval."""
    rng = np.random.default_rng(seed)
    groups = [np.flatnonzero(truth == label) for label in (0, 1)]
    resampled: list[float] = []
    for _ in range(N_RESAMPLES):
        drawn = np.concatenate([rng.choice(group, size=group.size) for group in groups])
        resampled.append(figure(truth[drawn], values[drawn]))
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Estimate(value=figure(truth, values), low=float(low), high=float(high))


def shipped_qualities(judge: str, revision: str) -> tuple[Mapping[str, Any], ...]:
    """Return what is known of a judge on public sets, as ``JudgeQuality.as_json`` writes it; nothing of one that footnote does not ship."""
    known: list[Mapping[str, Any]] = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return tuple(each for each in known if (each["judge"], each["revision"]) == (judge, revision))


def passage_of(text: str) -> Passage:
    """Return a text as the one passage of a prompt."""
    return Passage(
        n=1,
        file_id="labels",
        filename="labels",
        collection_id="labels",
        attachment_id="labels",
        version_id="labels",
        chunk_ids=(),
        page=None,
        heading="",
        context="",
        start=0,
        end=len(text),
        text=text,
        score=0.0,
        similarity=0.0,
    )


def _bin_of(scores: Floats) -> NDArray[np.int64]:
    return np.clip((scores * N_BINS).astype(np.int64), 0, N_BINS - 1)


def _by_context(pairs: Sequence[LabelledPair]) -> Iterator[tuple[str, list[int]]]:
    """Yield each context with the positions of its pairs: what is read of a context is read once."""
    order = sorted(range(len(pairs)), key=lambda index: pairs[index].context)
    for context, indices in groupby(order, key=lambda index: pairs[index].context):
        yield context, list(indices)


def _pair(line: str, *, number: int) -> LabelledPair:
    try:
        fields: Mapping[str, Any] = json.loads(line)
        claim, context, label = fields["claim"], fields["context"], fields["label"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InvalidInput(f"Line {number} of the labels cannot be read: {error!r}.") from error
    if not (isinstance(claim, str) and claim.strip() and isinstance(context, str) and context.strip()) or label not in (0, 1):
        raise InvalidInput(f"Line {number} of the labels has no claim, no context, or a label that is neither 1 nor 0.")
    return LabelledPair(claim=claim, context=context, label=int(label))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return [_rounded(part) for part in value]  # pyright: ignore[reportUnknownVariableType]
    return round(value, 4) if isinstance(value, float) else value
