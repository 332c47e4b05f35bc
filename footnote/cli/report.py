"""``footnote report``: what runs came to, and how two of them differ."""

from pathlib import Path

from rich.markup import escape
from rich.table import Table

from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import Difference, MeanScore, Report
from footnote.cli.evaluate_run_documents import ComparisonDocument, ReportDocument
from footnote.cli.failure import CommandFailed
from footnote.cli.terminal import messages, output, printable

LATEST = "latest"

ACTIONS = {
    "nothing": "Nothing to do.",
    "mend_errors": "Mend the errors: questions got no answer.",
    "re_tune": "Re-tune: the answers are at fault, and their sources were found.",
    "add_documents": "Add documents: people ask what they do not hold.",
    "check_retrieval": "Check retrieval: the sources are not found.",
    "check_judge": "Check the judge before anything that it says.",
    "read_cases": "Read the worst cases: a score fell, and no single fault explains it.",
}


def report(client: ApiClient, wanted: str) -> ReportDocument:
    """Return a report, or the latest one.

    Raises:
        CommandFailed: there is none.
    """
    return report_document(client, client.report(report_id(client, wanted)))


def report_id(client: ApiClient, wanted: str) -> str:
    """Return the id that somebody means by an id or by ``latest``.

    Raises:
        CommandFailed: there is no report yet.
    """
    if wanted != LATEST:
        return wanted
    newest = client.reports(limit=1)
    if not newest:
        raise CommandFailed("There is no report yet.", hint="`footnote evaluate --set FILE` makes one.")
    return newest[0].id


def compare(client: ApiClient, old: str, new: str) -> ComparisonDocument:
    """Return what moved from one report to another.

    Raises:
        CommandFailed: one is not there.
    """
    found = client.report_comparison(report_id(client, old), report_id(client, new))
    documents = [report_document(client, each) for each in (found.old, found.new)]
    return ComparisonDocument(old=documents[0], new=documents[1], differences=found.differences)


def write_page(client: ApiClient, path: Path, wanted: str, *, older: str | None = None) -> None:
    """Write a report, or how it differs from an older one, as a page that stands alone.

    Raises:
        CommandFailed: it is not there, or the file cannot be written.
    """
    page = client.report_page(report_id(client, wanted), compare=None if older is None else report_id(client, older))
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}.") from error
    messages().print(f"The page is in {printable(str(path))}.", markup=False, soft_wrap=True)


def report_document(client: ApiClient, found: Report) -> ReportDocument:
    """Return a report as the command line prints it."""
    run = found.run
    return ReportDocument(
        report_id=found.id,
        report_url=f"{client.url}/v1/reports/{found.id}",
        run_id=run.run_id,
        release=run.release_id,
        set=f"{run.set_name}@{run.set_number}",
        cases=run.n_cases,
        unanswered=run.n_unanswered_cases,
        scores=found.scores,
        shown=found.shown,
        recommendation=found.recommendation,
    )


def show_report(document: ReportDocument) -> None:
    """Print the headline scores with intervals and coverage, what to do, and where the report is."""
    console = output()
    unanswered = f", {document.unanswered} not answered" if document.unanswered else ""
    console.print(f"{escape(printable(document.set))}: {document.cases} cases{unanswered}; release {document.release}", soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("", "mean", "95 %", "scored", "judge", "shown to people"):
        table.add_column(title, justify="right" if title in ("mean", "scored", "shown to people") else "left")
    for name, score in document.scores.items():
        shown = document.shown.get(name)
        judge = score.judge or f"[dim]{escape(score.reason or '')}[/]"
        table.add_row(
            escape(name),
            told(score.mean),
            "" if score.mean is None else escape(f"[{told(score.low)}, {told(score.high)}]"),
            f"{score.scored} of {score.total}" if score.total else "",
            judge,
            told(shown.mean) if _differs(score, shown) and shown is not None else "",
        )
    console.print(table)
    recommended = document.recommendation
    console.print(f"\n[bold]{ACTIONS.get(recommended.action, recommended.action)}[/]", soft_wrap=True)
    for finding in recommended.because:
        numbers = ", ".join(f"{name} {value:g}" for name, value in finding.numbers.items())
        console.print(f"  {escape(finding.code)}: {escape(numbers)}", soft_wrap=True)
    console.print(f"\nReport {document.report_id}; footnote report {document.report_id} --html report.html", soft_wrap=True, markup=False)


def show_comparison(document: ComparisonDocument) -> None:
    """Print what moved and what may be chance, what is no chance first."""
    console = output()
    console.print(
        f"{document.old.report_id} ({document.old.set}) → {document.new.report_id} ({document.new.set})", markup=False, soft_wrap=True
    )
    if not document.differences:
        console.print("They have no case in common.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("", "of", "old", "new", "difference", "95 %", ""):
        table.add_column(title, justify="right" if title in ("old", "new", "difference") else "left")
    for each in sorted(document.differences, key=lambda one: one.is_noise):
        interval = escape(f"[{each.low:+.3f}, {each.high:+.3f}]")
        table.add_row(
            escape(each.metric), each.target, f"{each.old:.3f}", f"{each.new:.3f}", f"{each.difference:+.3f}", interval, _word(each)
        )
    console.print(table)


def told(value: float | None) -> str:
    """Return a mean as people read it."""
    return "–" if value is None else f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"


def _differs(score: MeanScore, shown: MeanScore | None) -> bool:
    return shown is not None and (shown.mean, shown.judge) != (score.mean, score.judge)


def _word(difference: Difference) -> str:
    if difference.is_noise:
        return "[dim]may be chance[/]"
    return "[green]better[/]" if difference.better else "[red]worse[/]" if difference.worse else "moved"
