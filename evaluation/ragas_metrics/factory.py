"""Settings become scorers. RAGAS is imported when the first one is wanted, in a thread: it takes seconds, and answers must not wait."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType

from evaluation.answered import Answered
from evaluation.cases import Case
from evaluation.ragas_metrics.applying import FAITHFULNESS, NEEDS_LANGUAGE_MODEL, OF_LANGUAGE_MODELS
from evaluation.ragas_metrics.judge_model import JudgeModel
from evaluation.scores import Score, Scorer
from footnote.core.offload import offload
from footnote.core.settings import JudgeSettings
from retrieval.embedder.port import Embedder
from serving.judge.port import Judge


class Unjudged:
    """Where nobody judges: it scores nothing, and says why."""

    judge = "none"
    metrics: tuple[str, ...] = ()
    not_measured: Mapping[str, str] = MappingProxyType(dict.fromkeys((FAITHFULNESS, *OF_LANGUAGE_MODELS), NEEDS_LANGUAGE_MODEL))

    async def score(self, answered: Answered) -> Sequence[Score]:
        return ()

    def missing(self, case: Case, failure_code: str) -> Sequence[Score]:
        return ()


@asynccontextmanager
async def open_ragas_scorers(settings: JudgeSettings, *, judge: Judge | None, embedder: Embedder) -> AsyncGenerator[tuple[Scorer, ...]]:
    """Yield the scorers that the settings allow, each a column of its own; the connection to the judge's server is closed behind them.

    Args:
        settings: whether a language model judges, and where it is.
        judge: the one that serves; None where answers are not checked.
        embedder: the one that search uses.
    """
    with_model = settings.kind != "local"
    local = () if judge is None else (await offload(_local_scorer, judge, alone=not with_model),)
    if not with_model:
        yield local or (Unjudged(),)
        return
    model = JudgeModel(settings)
    try:
        yield (*local, await offload(_ragas_scorer, model, embedder))
    finally:
        await model.close()


def _local_scorer(judge: Judge, *, alone: bool) -> Scorer:
    from evaluation.ragas_metrics.local_scorer import LocalFaithfulnessScorer  # noqa: PLC0415  # imports RAGAS

    return LocalFaithfulnessScorer(judge, not_measured=dict.fromkeys(OF_LANGUAGE_MODELS, NEEDS_LANGUAGE_MODEL) if alone else {})


def _ragas_scorer(model: JudgeModel, embedder: Embedder) -> Scorer:
    from evaluation.ragas_metrics.language_model_scorer import RagasScorer  # noqa: PLC0415  # imports RAGAS

    return RagasScorer(model, embedder=embedder)
