"""Settings become scorers. RAGAS is imported when the first one is wanted, in a thread: it takes seconds, and answers must not wait."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from evaluation.ragas_metrics.applying import NEEDS_LANGUAGE_MODEL, OF_LANGUAGE_MODELS
from evaluation.ragas_metrics.judge_model import JudgeModel
from evaluation.scores import Scorer
from footnote.core.offload import offload
from footnote.core.settings import JudgeSettings
from retrieval.embedder.port import Embedder
from serving.judge.port import Judge


@dataclass(frozen=True, slots=True)
class RagasScorers:
    """Those that the settings allow, each a column of its own, and for each metric that none of them gives the reason's code."""

    scorers: tuple[Scorer, ...]
    absent: Mapping[str, str] = field(default_factory=dict[str, str])


@asynccontextmanager
async def open_ragas_scorers(settings: JudgeSettings, *, judge: Judge | None, embedder: Embedder) -> AsyncGenerator[RagasScorers]:
    """Yield the scorers; the connection to the judge's server is closed behind them.

    Args:
        settings: whether a language model judges, and where it is.
        judge: the one that serves; None where answers are not checked.
        embedder: the one that search uses.
    """
    local = () if judge is None else (await offload(_local_scorer, judge),)
    if settings.kind == "local":
        yield RagasScorers(local, absent=dict.fromkeys(OF_LANGUAGE_MODELS, NEEDS_LANGUAGE_MODEL))
        return
    model = JudgeModel(settings)
    try:
        yield RagasScorers((*local, await offload(_ragas_scorer, model, embedder)))
    finally:
        await model.close()


def _local_scorer(judge: Judge) -> Scorer:
    from evaluation.ragas_metrics.local_scorer import LocalFaithfulnessScorer  # noqa: PLC0415  # imports RAGAS

    return LocalFaithfulnessScorer(judge)


def _ragas_scorer(model: JudgeModel, embedder: Embedder) -> Scorer:
    from evaluation.ragas_metrics.language_model_scorer import RagasScorer  # noqa: PLC0415  # imports RAGAS

    return RagasScorer(model, embedder=embedder)
