"""``footnote evaluate``: a run of what answers over a set, followed to its report."""

import json
import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import EvaluationRun, MeanScore
from footnote.cli.collection_choice import existing_collections
from footnote.cli.evaluate_run_documents import EvaluateDocument, UnderDocument
from footnote.cli.failure import WRONG_USAGE, CommandFailed
from footnote.cli.report import report_document, show_report
from footnote.cli.sets import import_set, newest_set
from footnote.cli.terminal import messages, output, printable

POLL_S = 0.5

FAILURES = {
    "release_changed": "Other settings answer now than when the run was begun: begin another one.",
    "ModelUnavailable": "The model does not answer; `footnote doctor` says more.",
    "GenerationTimeout": "The model takes too long; `footnote doctor` says more.",
}

OnProgress = Callable[[EvaluationRun], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases are asked, and where their answers are looked for."""

    part: str | None = None
    limit: int | None = None
    collection: str | None = None


def parse_limits(texts: Sequence[str]) -> dict[str, float]:
    """Return the least means of ``METRIC=NUMBER``, by metric.

    Raises:
        CommandFailed: one is not of this form, or names none of the metrics that every report opens with.
    """
    from evaluation.metrics import METRICS  # noqa: PLC0415  # most commands do without evaluation

    known = [metric.name for metric in METRICS.values() if metric.is_headline]
    limits: dict[str, float] = {}
    for text in texts:
        name, equals, number = text.partition("=")
        try:
            limits[name.strip()] = float(number)
        except ValueError:
            equals = ""
        if not equals or not name.strip() or not math.isfinite(limits[name.strip()]):  # no mean is under "nan"
            raise CommandFailed(f"--fail-under is METRIC=NUMBER, not {text}.", hint=_one_of(known), exit_status=WRONG_USAGE)
        if name.strip() not in known:
            raise CommandFailed(
                f"--fail-under names {name.strip()}, which no report opens with.", hint=_one_of(known), exit_status=WRONG_USAGE
            )
    return limits


def set_id_of(client: ApiClient, wanted: str) -> str:
    """Return the version of a set that somebody means: by name, ``NAME@NUMBER``, or a file of JSON lines, which is imported.

    A file that holds the very cases of the newest version of its name is that version.

    Raises:
        CommandFailed: there is no such set, or the file cannot be used.
    """
    path = Path(wanted)
    if not path.is_file() and path.suffix != ".jsonl":
        return newest_set(client, wanted).id
    imported = import_set(client, path, name=path.stem.replace("@", "-"), kind="golden")
    if imported.unresolved:
        messages().print(
            f"{imported.unresolved_cases:,} cases name documents that are not there: {printable(', '.join(imported.unresolved[:5]))}.",
            markup=False,
            soft_wrap=True,
        )
    return imported.set.id


def evaluate(client: ApiClient, set_id: str, wanted: Wanted, *, limits: dict[str, float], on_progress: OnProgress) -> EvaluateDocument:
    """Run, wait for the report, and compare it with the limits; an unfinished run that asks for the same is gone on with.

    Raises:
        CommandFailed: the run failed or was cancelled, or Ctrl-C was pressed.
    """
    began = time.monotonic()
    body: dict[str, object] = {"set_id": set_id, "part": wanted.part, "limit": wanted.limit}
    if wanted.collection is not None:
        body["vector_store_ids"] = [each.id for each in existing_collections(client, wanted.collection)]
    begun = client.begin_run({name: value for name, value in body.items() if value is not None})
    if begun.resumed:
        messages().print(f"Going on with the run {begun.id}: {begun.answered + begun.errors} of {begun.cases} cases were asked before.")
    report_id = _followed(client, begun, on_progress)
    found = client.report(report_id)
    return EvaluateDocument(
        **dict(report_document(client, found)),
        resumed=begun.resumed,
        seconds=round(time.monotonic() - began, 1),
        under=_under(found.scores, limits),
    )


def write_cases(client: ApiClient, run_id: str, path: Path) -> None:
    """Write each case of a run with all its scores as JSON lines.

    Raises:
        CommandFailed: the file cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(case, ensure_ascii=False)}\n" for case in client.run_cases(run_id))
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}.") from error


def show_evaluation(document: EvaluateDocument) -> None:
    """Print the report's headline, and what is under its limit."""
    show_report(document)
    for each in document.under:
        mean = "no mean" if each.mean is None else f"{each.mean:.3f}"
        output().print(f"[red]{escape(each.metric)} is under {each.limit:g}:[/] {mean}", soft_wrap=True)


@contextmanager
def run_bar() -> Generator[OnProgress]:
    """Draw a bar with the remaining time on standard error while the block runs; nothing where that is no terminal."""
    console = messages()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, speed_estimate_period=600) as progress:
        bar = progress.add_task("cases", total=None)

        def on_progress(run: EvaluationRun) -> None:
            done = run.answered + run.errors
            progress.update(bar, completed=done, total=run.cases, description="cases" if done < run.cases else "report")

        yield on_progress


def _followed(client: ApiClient, run: EvaluationRun, on_progress: OnProgress) -> str:
    """Wait for a run's end, and return its report's id."""
    try:
        while not run.is_finished:
            on_progress(run)
            time.sleep(POLL_S)
            run = client.run(run.id)
    except KeyboardInterrupt:
        raise CommandFailed(
            f"Stopped waiting for the run {run.id}.", hint="A server goes on with it; else the same command does, from where it stopped."
        ) from None
    on_progress(run)
    if run.report_id is None or run.status != "completed":
        reason = FAILURES.get(
            run.error_code or "", f"Its code is {run.error_code}; the server's log says more." if run.error_code else None
        )
        raise CommandFailed(f"The run {run.id} {'was cancelled' if run.status == 'cancelled' else 'has failed'}.", hint=reason)
    return run.report_id


def _under(scores: dict[str, MeanScore], limits: dict[str, float]) -> list[UnderDocument]:
    """Return the limits that were not kept; a metric without a mean keeps none."""
    means = {name: scores[name].mean if name in scores else None for name in limits}
    return [
        UnderDocument(metric=name, limit=limits[name], mean=mean) for name, mean in means.items() if mean is None or mean < limits[name]
    ]


def _one_of(metrics: Sequence[str]) -> str:
    return f"The metrics are {', '.join(metrics)}."
