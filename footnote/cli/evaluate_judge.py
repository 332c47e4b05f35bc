"""``footnote evaluate judge``: how well the judges agree with people's labels, kept so that every report can say it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from evaluation.judge_quality import JudgeQuality, PairJudge, ServingJudge, measure, read_pairs, sha256_of
from evaluation.ragas_metrics.judge_model import JudgeModel
from footnote.cli.evaluate_documents import EstimateDocument, EvaluateJudgeDocument, JudgeQualityDocument
from footnote.cli.terminal import messages, output
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.database import sqlite_url
from footnote.core.data_directory import DataDirectory
from footnote.core.settings import Settings
from retrieval.embedder.factory import create_embedder
from serving.judge.local import LocalJudge


def evaluate_judge(settings: Settings, labels: Path) -> EvaluateJudgeDocument:
    """Measure the judge that serves, and the language model that judges where the settings have one.

    Raises:
        FootnoteError: the labels or the settings cannot be used, or the embedder cannot be loaded.
    """
    return asyncio.run(_measure(settings, labels))


def show_quality(document: EvaluateJudgeDocument) -> None:
    """Print one line for each judge."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("judge", "pairs", "failed", "balanced accuracy", "AUROC", "calibration error"):
        table.add_column(column)
    for each in document.judges:
        figures = (_told(figure) for figure in (each.balanced_accuracy, each.auroc, each.calibration_error))
        table.add_row(escape(each.judge), str(each.n), str(each.n_failed), *figures)
    output().print(table)
    if not document.kept:
        messages().print("There is no catalog in the data directory yet: reports will not carry these figures.")


async def _measure(settings: Settings, path: Path) -> EvaluateJudgeDocument:
    pairs = read_pairs(path)
    sha256 = sha256_of(path)
    async with _judges(settings) as judges:
        with _progress(n_pairs=len(pairs) * len(judges)) as advance:
            measured = [await measure(judge, pairs, labels=path.name, labels_sha256=sha256, on_progress=advance) for judge in judges]
    return EvaluateJudgeDocument(
        judges=[JudgeQualityDocument.model_validate(each.as_json()) for each in measured], kept=await _keep(settings, measured)
    )


@asynccontextmanager
async def _judges(settings: Settings) -> AsyncGenerator[list[PairJudge]]:
    async with AsyncExitStack() as stack:
        judges: list[PairJudge] = []
        if settings.answering.judge == "local":
            embedder = await create_embedder(settings.embedder)
            stack.push_async_callback(embedder.close)
            judges.append(ServingJudge(LocalJudge(embedder, threshold=settings.answering.support_threshold)))
        if settings.evaluation.judge.kind == "openai_compatible":
            from evaluation.ragas_metrics.verdict_judge import VerdictJudge  # noqa: PLC0415  # seconds of imports

            model = JudgeModel(settings.evaluation.judge)
            stack.push_async_callback(model.close)
            judges.append(VerdictJudge(model))
        yield judges


async def _keep(settings: Settings, measured: list[JudgeQuality]) -> bool:
    """Write the figures beside a server that may be running: a catalog takes writers of several processes."""
    directory = DataDirectory(settings.data_dir)
    if settings.catalog.url is None and not directory.catalog.is_file():
        return False
    catalog = Catalog(settings.catalog.url or sqlite_url(directory.catalog))
    try:
        await catalog.database.migrate()
        for each in measured:
            await catalog.judge_qualities.store(
                judge=each.judge, revision=each.revision, labels=each.labels, labels_sha256=each.labels_sha256, figures=each.as_json()
            )
    finally:
        await catalog.close()
    return True


@contextmanager
def _progress(*, n_pairs: int) -> Generator[Callable[[int], None]]:
    console = messages()
    columns = (TextColumn("[progress.description]{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("Judging", total=n_pairs)
        yield lambda n: progress.advance(task, n)


def _told(figure: EstimateDocument | None) -> str:
    return "–" if figure is None else f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
