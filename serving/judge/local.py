"""``LocalJudge``: scores claims with the embedder that is loaded anyway, and with the claim's own words, numbers and names.

It owns splitting passages, keeping their sentences' vectors, and finding the sentence that supports a claim best. What is looked at
stands in ``features.py``, what it weighs in ``calibration.json``, how good it is in ``docs/judge.md``.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from footnote.core.offload import offload
from footnote.core.types import PartHealth, Passage
from retrieval.embedder.port import Embedder, Vectors
from serving.judge.calibration import Calibration, load_calibration
from serving.judge.features import FeatureMatrix, Reading, features, nearest_sentence, read
from serving.judge.port import Judgement, Support
from serving.judge.sentences import Span, fitting_spans, sentence_spans

NAME = "local-1"
MAX_KEPT_SENTENCES = 4_096
_SCORE_DIGITS = 4

N_TOGETHER = 2
"""A claim may join what two passages say. All passages together hold the words and numbers of nearly any claim by chance."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A piece of a passage: its range in the document, its text, and the passage's context, which counts as present."""

    start: int
    end: int
    text: str
    context: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What is kept of a sentence: what it says, and its vector of shape (dimension,)."""

    reading: Reading
    vector: Vectors


@dataclass(frozen=True, slots=True)
class _Evidence:
    """The sentences of one passage, what they say, and their vectors, shape (n sentences, dimension)."""

    passage: Passage
    sentences: tuple[_Sentence, ...]
    readings: tuple[Reading, ...]
    vectors: Vectors


class LocalJudge:
    """A logistic regression over features of claim and passages; ``serving.judge.port.Judge``.

    With an embedder that the calibration was not made for, the name ends in ``-uncalibrated`` and ``health`` says so: scores then
    mean less than docs/judge.md claims.

    Args:
        embedder: turns claims and sentences into vectors; the caller closes it.
        threshold: a claim counts as supported from this score on; by default the calibration's.
        calibration: the fitted part; by default the one that comes with footnote.
    """

    def __init__(self, embedder: Embedder, *, threshold: float | None = None, calibration: Calibration | None = None) -> None:
        self._embedder = embedder
        self._calibration = calibration or load_calibration()
        self._threshold = self._calibration.threshold if threshold is None else threshold
        self._kept: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._embedding = asyncio.Lock()

    @property
    def name(self) -> str:
        return NAME if self._is_calibrated else f"{NAME}-uncalibrated"

    @property
    def revision(self) -> str:
        return self._calibration.revision

    @property
    def threshold(self) -> float:
        return self._threshold

    async def prepare(self, passages: Sequence[Passage]) -> None:
        """Embed the passages' sentences now, so that judging waits for the claims' vectors alone."""
        await self._evidence(passages)

    async def judge(self, claims: Sequence[str], passages: Sequence[Passage]) -> list[Judgement]:
        if not passages or not any(claim.strip() for claim in claims):
            return [_nothing(passages) for _ in claims]
        evidence = await self._evidence(passages)
        spoken = [claim for claim in claims if claim.strip()]
        vectors = iter(await self._embedder.embed_queries(spoken))
        return [await offload(self._judge, claim, next(vectors), evidence) if claim.strip() else _nothing(passages) for claim in claims]

    async def features(self, claims: Sequence[str], passages: Sequence[Passage]) -> FeatureMatrix:
        """Return what scores rest on: float64 of shape (len(claims), len(FEATURES)), each claim against all passages together.

        Calibration is fitted on these. Neither claims nor passages may be empty.
        """
        evidence = await self._evidence(passages)
        vectors = await self._embedder.embed_queries(claims)
        readings = [reading for part in evidence for reading in part.readings]
        similarities = vectors @ np.concatenate([part.vectors for part in evidence]).T
        return np.stack([features(read(claim), readings, row) for claim, row in zip(claims, similarities, strict=True)])

    async def health(self) -> PartHealth:
        embedder = await self._embedder.health()
        detail = embedder.detail
        if embedder.ready:
            model = self._embedder.recipe.model
            detail = "Claims can be judged." if self._is_calibrated else f"Claims are judged, but the judge was not calibrated for {model}."
        facts = {"judge": self.name, "threshold": self.threshold, "calibrated": self._is_calibrated}
        return PartHealth(name="judge", ready=embedder.ready, detail=detail, facts=facts)

    @property
    def _is_calibrated(self) -> bool:
        return PurePath(self._embedder.recipe.model).name.lower() == self._calibration.embedder.lower()

    def _judge(self, claim: str, vector: Vectors, evidence: Sequence[_Evidence]) -> Judgement:
        reading = read(claim)
        similarities = [part.vectors @ vector for part in evidence]
        supports = [self._support(reading, part, nearness) for part, nearness in zip(evidence, similarities, strict=True)]
        order = sorted(range(len(supports)), key=lambda n: -supports[n].score)
        best_two = order[:N_TOGETHER]
        together = self._score(
            reading, [r for n in best_two for r in evidence[n].readings], np.concatenate([similarities[n] for n in best_two])
        )
        score = max(supports[order[0]].score, together)
        return Judgement(score=score, supported=score >= self._threshold, supports=tuple(supports[n] for n in order))

    def _support(self, claim: Reading, evidence: _Evidence, similarities: Vectors) -> Support:
        if not evidence.sentences:
            return _no_support(evidence.passage)
        best = evidence.sentences[nearest_sentence(claim, evidence.readings, similarities)]
        score = self._score(claim, evidence.readings, similarities)
        return Support(passage=evidence.passage.n, score=score, start=best.start, end=best.end)

    def _score(self, claim: Reading, evidence: Sequence[Reading], similarities: Vectors) -> float:
        if not evidence:
            return 0.0
        return round(self._calibration.score(features(claim, evidence, similarities)), _SCORE_DIGITS)

    async def _evidence(self, passages: Sequence[Passage]) -> list[_Evidence]:
        """Return the passages' sentences with their vectors, embedding those that are not kept.

        One caller embeds at a time: a claim that closes while its passages are still being prepared waits instead of doing it again.
        """
        split = await offload(lambda: [self._split(passage) for passage in passages])
        async with self._embedding:
            known = await self._know([sentence for sentences in split for sentence in sentences])
        return [self._assemble(passage, sentences, known) for passage, sentences in zip(passages, split, strict=True)]

    async def _know(self, sentences: Sequence[_Sentence]) -> dict[tuple[str, str], _Known]:
        keys = list(dict.fromkeys((sentence.text, sentence.context) for sentence in sentences))
        missing = [key for key in keys if key not in self._kept]
        known = {key: self._kept[key] for key in keys if key in self._kept}
        if missing:
            vectors = await self._embedder.embed_documents([text for text, _ in missing])
            readings = await offload(lambda: [read(text, context=context) for text, context in missing])
            known |= {key: _Known(reading=r, vector=v) for key, r, v in zip(missing, readings, vectors, strict=True)}
        self._keep(known)
        return known

    def _keep(self, known: dict[tuple[str, str], _Known]) -> None:
        for key, value in known.items():
            self._kept[key] = value
            self._kept.move_to_end(key)
        while len(self._kept) > MAX_KEPT_SENTENCES:
            self._kept.popitem(last=False)

    def _assemble(self, passage: Passage, sentences: Sequence[_Sentence], known: dict[tuple[str, str], _Known]) -> _Evidence:
        entries = [known[sentence.text, sentence.context] for sentence in sentences]
        return _Evidence(
            passage=passage,
            sentences=tuple(sentences),
            readings=tuple(entry.reading for entry in entries),
            vectors=np.array([entry.vector for entry in entries], dtype=np.float32).reshape(len(entries), self._embedder.recipe.dimension),
        )

    def _split(self, passage: Passage) -> list[_Sentence]:
        return [
            _Sentence(start=passage.start + start, end=passage.start + end, text=passage.text[start:end], context=passage.context)
            for sentence in sentence_spans(passage.text)
            for start, end in self._windows(passage.text, sentence)
        ]

    def _windows(self, text: str, sentence: Span) -> list[Span]:
        start, end = sentence
        cuts = fitting_spans(text[start:end], token_spans=self._embedder.token_spans, max_tokens=self._embedder.recipe.max_tokens)
        return [(start + window_start, start + window_end) for window_start, window_end in cuts]


def _nothing(passages: Sequence[Passage]) -> Judgement:
    return Judgement(score=0.0, supported=False, supports=tuple(_no_support(passage) for passage in passages))


def _no_support(passage: Passage) -> Support:
    return Support(passage=passage.n, score=0.0, start=passage.start, end=passage.end)
