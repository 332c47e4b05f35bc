"""Wiring of evaluation: what runs need is opened when the first one is there, and never while a server starts."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from evaluation.alerts import SupportWatch
from evaluation.experiments import create_recorder
from evaluation.generating.by_model import QuestionWriter
from evaluation.generating.generator import OpenWriter
from evaluation.nightly import Nightly
from evaluation.running import Runner
from evaluation.scores import Scorer
from evaluation.sending import Outbox, channels_of
from evaluation.worker import EvaluationWorker, OpenParts, RunParts
from footnote.core.attention import Attention
from footnote.core.catalog.catalog import Catalog
from footnote.core.offload import offload
from footnote.core.settings import JudgeSettings, Settings
from footnote.core.telemetry import Telemetry
from retrieval.embedder.port import Embedder
from retrieval.search import Searcher
from serving.judge.port import Judge
from serving.services import Answers

if TYPE_CHECKING:
    from evaluation.reporting import Reporter

PATIENCE_S = 600.0
"""How long a step of a run gives way to people: a model in this process writes one answer after the other, and theirs would wait for it."""

FIRST_LOOK_S = 15.0
"""A server that is started for one question is gone by then; whoever asks for a run wakes the worker at once."""

CASES_BESIDE_A_SERVER = 4
"""Cases that are asked at the same time where a server writes the answers: a quarter of the places that people have there."""


class OpenRagasScorers(Protocol):
    """``evaluation.ragas_metrics.factory.open_ragas_scorers``."""

    def __call__(
        self, settings: JudgeSettings, *, judge: Judge | None, embedder: Embedder
    ) -> AbstractAsyncContextManager[tuple[Scorer, ...]]: ...


def cases_at_once(settings: Settings) -> int:
    """Return how many cases a run asks and scores beside each other: what writes in this process does one after the other anyhow."""
    return CASES_BESIDE_A_SERVER if settings.generator.kind == "openai" else 1


def create_outbox(settings: Settings, *, catalog: Catalog, data_dir: Path, telemetry: Telemetry) -> Outbox:
    """Return what owes and sends reports. A worker's is never started: the server sends, by its own network and data directory."""
    return Outbox(
        catalog=catalog,
        channels=channels_of(settings.evaluation),
        recorder=create_recorder(settings.evaluation, catalog=catalog, data_dir=data_dir),
        settings=settings.evaluation,
        server=settings.server,
        metrics=telemetry.metrics,
    )


def start_passing_on(stack: AsyncExitStack, settings: Settings, *, catalog: Catalog, outbox: Outbox, telemetry: Telemetry) -> None:
    """Start sending what is owed and watching live support; both stop with the stack."""
    watch = SupportWatch(
        catalog=catalog,
        settings=settings.evaluation,
        metrics=telemetry.metrics,
        channels=outbox.channels,
        wake_sending=outbox.wake,
    )
    stack.push_async_callback(outbox.close)
    stack.push_async_callback(watch.close)
    outbox.start(first_after_s=FIRST_LOOK_S)
    watch.start(first_after_s=FIRST_LOOK_S)


async def start_evaluation(
    stack: AsyncExitStack, settings: Settings, *, catalog: Catalog, outbox: Outbox, open_parts: OpenParts
) -> EvaluationWorker:
    """Start doing runs, and beginning those of each night; what is in hand stops with the stack, and goes on when a worker starts again."""
    worker = EvaluationWorker(
        catalog=catalog,
        open_parts=open_parts,
        begin_due=Nightly(catalog=catalog, settings=settings.evaluation).begin_due,
        owed_to=outbox.owed_to,
        after_report=outbox.after_report,
        first_look_s=FIRST_LOOK_S,
    )
    stack.push_async_callback(worker.close)
    # As for documents: a catalog of its own in the data directory has no other worker than the directory's owner.
    await worker.start(alone=settings.catalog.url is None)
    return worker


@asynccontextmanager
async def open_run_parts(
    settings: Settings,
    *,
    catalog: Catalog,
    embedder: Embedder,
    searcher: Searcher,
    answers: Answers,
    release_id: str,
    judge: Judge | None,
    attention: Attention,
) -> AsyncGenerator[RunParts]:
    """Open what runs need.

    Args:
        settings: who judges, what tokens cost, and how many cases are asked at once.
        catalog: where sets, runs and reports are.
        embedder: the one that search uses.
        searcher: finds what retrieval metrics look at.
        answers: what answers by the release; nobody waits for what it answers here.
        release_id: the release that ``answers`` answers by.
        judge: the one that serves; None where answers are not checked.
        attention: who waits for an answer in this process.
    """
    own, open_ragas_scorers, make_reporter = await offload(_loaded, settings)
    async with open_ragas_scorers(settings.evaluation.judge, judge=judge, embedder=embedder) as by_ragas:
        scorers = (*own, *by_ragas)
        runner = Runner(
            catalog=catalog,
            answers=answers,
            searcher=searcher,
            scorers=scorers,
            release_id=release_id,
            cases_at_once=cases_at_once(settings),
            give_way=partial(attention.give_way, patience_s=PATIENCE_S),
        )
        # A model at a server has no revision: its name is all that the server says of it.
        judges = [(each.judge, judge.revision if judge is not None and each.judge == judge.name else "") for each in by_ragas]
        yield RunParts(runner=runner, reporter=make_reporter(catalog=catalog, embedder=embedder, scorers=scorers, judges=judges))


def _loaded(settings: Settings) -> "tuple[tuple[Scorer, Scorer], OpenRagasScorers, type[Reporter]]":
    """Return the scorers that need no judge, what opens those that do, and what makes reports.

    In a thread: imports and patterns take seconds.
    """
    from evaluation.label_metrics import LabelScorer  # noqa: PLC0415  # imports what computes BLEU
    from evaluation.measures import MeasuredScorer, Prices  # noqa: PLC0415  # with it what finds personal data
    from evaluation.personal_data import pattern_finder  # noqa: PLC0415  # as above
    from evaluation.ragas_metrics.factory import open_ragas_scorers  # noqa: PLC0415  # imports clients of judges
    from evaluation.reporting import Reporter  # noqa: PLC0415  # imports statistics

    measured = MeasuredScorer(prices=Prices.of_settings(settings.generator), find=pattern_finder())
    return (LabelScorer(), measured), open_ragas_scorers, Reporter


def question_writer(settings: Settings) -> OpenWriter | None:
    """Return what opens the language model that writes questions for evaluation sets; None where the settings name none.

    It is the one that judges, else the one that answers, where that is at a server.
    """
    model = questions_by(settings)
    return None if model is None else partial(_open_writer, model)


def questions_by(settings: Settings) -> JudgeSettings | None:
    """Return where the model is that writes questions, and how it is asked."""
    judge, generator = settings.evaluation.judge, settings.generator
    if judge.kind == "openai_compatible":
        return judge
    if generator.kind != "openai" or not generator.base_url:
        return None
    at_generator = {"base_url": generator.base_url, "model": generator.model, "api_key": generator.api_key}
    return judge.model_copy(update={"kind": "openai_compatible", **at_generator})


@asynccontextmanager
async def _open_writer(model: JudgeSettings) -> AsyncGenerator[QuestionWriter]:
    writer = await offload(_writer, model)
    try:
        yield writer
    finally:
        await writer.close()


def _writer(model: JudgeSettings) -> QuestionWriter:
    from evaluation.ragas_metrics.judge_model import JudgeModel  # noqa: PLC0415  # imports clients of judges
    from evaluation.ragas_metrics.question_writer import RagasQuestionWriter  # noqa: PLC0415  # imports RAGAS

    return RagasQuestionWriter(JudgeModel(model))
