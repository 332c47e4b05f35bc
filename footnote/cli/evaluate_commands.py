"""``footnote evaluate`` and what belongs to it. What a command needs is imported when it runs: help has to be instant."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from footnote.cli.failure import FAILED
from footnote.cli.options import AsJson, CollectionName, DataDir, Key, ServerChoice, Url, settings_of

RUN = "run"


class _RunsByDefault(TyperGroup):
    """`footnote evaluate --set handbook` means `footnote evaluate run --set handbook`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # the context of the click inside typer, which has no public name
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [RUN, *args]
        return super().parse_args(ctx, args)


evaluate_app = typer.Typer(
    name="evaluate",
    cls=_RunsByDefault,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@evaluate_app.callback()
def evaluate() -> None:
    """Measure how good the answers are, and how good those are who judge them.

    `footnote evaluate --set handbook` is short for `footnote evaluate run --set handbook`.

    For example:

        footnote evaluate --set examples/handbook-questions.jsonl --part test
        footnote evaluate judge --labels claims.jsonl
    """


@evaluate_app.command(RUN)
def run(
    *,
    set_: Annotated[
        str,
        typer.Option(
            "--set", help="An evaluation set, `NAME` or `NAME@NUMBER`; or a file of cases, which is imported.", metavar="NAME|FILE.jsonl"
        ),
    ],
    part: Annotated[str | None, typer.Option(help="Only the cases of this part of the set.", show_default=False)] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Cases at most, the first ones.", show_default=False)] = None,
    collection: CollectionName = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            help="End with status 1 where this mean, of a metric that reports open with, is less. May be given several times.",
            metavar="METRIC=NUMBER",
        ),
    ] = None,
    cases: Annotated[
        Path | None,
        typer.Option(help="Write each case with all its scores to this file, as JSON lines.", metavar="FILE", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Ask the questions of a set, score the answers, and make a report.

    An unfinished run of the same cases and settings is gone on with: no question is asked twice, and no judge. Ctrl-C stops waiting; a
    server goes on with the run, and without one the same command does.

    For example:

        footnote evaluate --set handbook --limit 20 --cases scores.jsonl
        footnote evaluate --set handbook@2 --fail-under faithfulness=0.8 --fail-under citations=0.7

    Exit status 1 says that the run failed or a mean is under its limit.
    """
    from footnote.cli.connection import connect_to
    from footnote.cli.evaluate_run import Wanted, evaluate, parse_limits, run_bar, set_id_of, show_evaluation, write_cases
    from footnote.cli.terminal import print_json

    limits = parse_limits(fail_under or ())
    with connect_to(ServerChoice(data_dir, url, key)) as client:
        set_id = set_id_of(client, set_)
        with run_bar() as on_progress:
            wanted = Wanted(part=part, limit=limit, collection=collection)
            document = evaluate(client, set_id, wanted, limits=limits, on_progress=on_progress)
        if cases is not None:
            write_cases(client, document.run_id, cases)
    print_json(document) if as_json else show_evaluation(document)
    if document.under:
        raise typer.Exit(FAILED)


@evaluate_app.command("list")
def list_(
    *,
    set_name: Annotated[
        str | None, typer.Option("--set", help="Only the runs over the versions of this set.", show_default=False, metavar="NAME")
    ] = None,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """List the runs with their state and their reports.

    For example:

        footnote evaluate list --set handbook
    """
    from footnote.cli.connection import connect_to
    from footnote.cli.evaluate_runs import list_runs, show_runs
    from footnote.cli.terminal import print_json

    with connect_to(ServerChoice(data_dir, url, key)) as client:
        document = list_runs(client, set_name=set_name)
    print_json(document) if as_json else show_runs(document)


@evaluate_app.command("cancel")
def cancel(
    run_id: Annotated[str, typer.Argument(help="The run's id.", metavar="RUN")],
    *,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """End a run as it stands. It has no report, and is not gone on with.

    For example:

        footnote evaluate cancel run_0199a3
    """
    from footnote.cli.connection import connect_to
    from footnote.cli.evaluate_runs import cancel_run, show_cancelled
    from footnote.cli.terminal import print_json

    with connect_to(ServerChoice(data_dir, url, key)) as client:
        document = cancel_run(client, run_id)
    print_json(document) if as_json else show_cancelled(document)


@evaluate_app.command("delete")
def delete(
    run_ids: Annotated[list[str], typer.Argument(help="Ids of runs that have ended.", metavar="RUN...")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether you mean it.")] = False,
    data_dir: DataDir = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Delete runs with their answers, scores, reports and the turns that they asked. Their sets stay.

    A run that is under way is kept: cancel it first. The others are deleted all the same; exit status 1 says that one was kept.

    For example:

        footnote evaluate delete run_0199a3 --yes
    """
    from footnote.cli.connection import connect_to
    from footnote.cli.deleting import agreed, show_deleted_runs
    from footnote.cli.evaluate_runs import delete_runs
    from footnote.cli.terminal import print_json

    if not yes and not agreed(f"Delete {', '.join(run_ids)} with answers, scores and reports?"):
        raise typer.Exit(FAILED)
    with connect_to(ServerChoice(data_dir, url, key)) as client:
        document = delete_runs(client, run_ids)
    print_json(document) if as_json else show_deleted_runs(document)
    if document.kept:
        raise typer.Exit(FAILED)


@evaluate_app.command("judge")
def judge(
    *,
    labels: Annotated[
        Path,
        typer.Option(
            help="JSON lines with `claim`, `context` and `label`: 1 where people say that the context supports the claim, else 0.",
            metavar="FILE",
            show_default=False,
            exists=True,
            dir_okay=False,
        ),
    ],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Judge the judges: how well their verdicts agree with people's labels.

    Balanced accuracy, AUROC and calibration, each with its interval. The figures are kept, and reports carry them.

    For example:

        footnote evaluate judge --labels claims.jsonl
    """
    from footnote.cli.evaluate_judge import evaluate_judge, show_quality
    from footnote.cli.terminal import print_json

    document = evaluate_judge(settings_of(data_dir), labels)
    print_json(document) if as_json else show_quality(document)
