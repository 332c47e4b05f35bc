"""``footnote evaluate`` and what belongs to it. What a command needs is imported when it runs: help has to be instant."""

from pathlib import Path
from typing import Annotated

import typer

from footnote.cli.options import AsJson, DataDir, settings_of

evaluate_app = typer.Typer(
    name="evaluate",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@evaluate_app.callback()
def evaluate() -> None:
    """Measure how good the answers are, and how good those are who judge them."""


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
