"""``footnote evaluate list``, ``cancel`` and ``delete``: the runs that there are."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import Field
from rich.markup import escape
from rich.table import Table

from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import EvaluationRun
from footnote.cli.deleting import DeletedRunsDocument, KeptRun, set_label
from footnote.cli.failure import CommandFailed
from footnote.cli.json_documents import JsonDocument
from footnote.cli.terminal import output, printable


class RunDocument(JsonDocument):
    """A run."""

    id: str = Field(description="Its id.")
    status: str = Field(description="`queued`, `running`, `completed`, `failed` or `cancelled`.")
    error_code: str | None = Field(description="Why it failed.")
    set: str = Field(description="The set and its version: `NAME@NUMBER`; the version's id where it may not be read any more.")
    release: str = Field(description="What answers.")
    created_at: int = Field(description="When it was begun, in seconds since 1970.")
    cases: int = Field(description="The cases that it asks.")
    answered: int = Field(description="Of them, those that were answered so far.")
    errors: int = Field(description="Of them, those that nothing answered.")
    report_id: str | None = Field(description="Its report, once it is made.")


class RunsDocument(JsonDocument):
    """What ``footnote evaluate list`` found."""

    runs: list[RunDocument] = Field(description="Runs, oldest first.")


def list_runs(client: ApiClient, *, set_name: str | None) -> RunsDocument:
    """List the runs that may be read, over the versions of one set or over all."""
    labels = {each.id: f"{each.name}@{each.number}" for each in client.sets(set_name)}
    return RunsDocument(runs=[_document(run, labels) for run in client.runs(set_name)])


def cancel_run(client: ApiClient, run_id: str) -> RunDocument:
    """End a run as it stands.

    Raises:
        CommandFailed: there is no such run, or it has ended.
    """
    set_id = client.run(run_id).set_id
    label = set_label(client, set_id)  # before anything is done: what fails afterwards would look as if it had not been
    return _document(client.cancel_run(run_id), {} if label is None else {set_id: label})


def delete_runs(client: ApiClient, run_ids: Sequence[str]) -> DeletedRunsDocument:
    """Delete runs one after the other, and say of each that could not be deleted why: what is gone cannot be told again."""
    document = DeletedRunsDocument(deleted=[], kept=[])
    for run_id in dict.fromkeys(run_ids):
        try:
            document.deleted.append(client.delete_run(run_id))
        except CommandFailed as failure:
            document.kept.append(KeptRun(id=run_id, reason=f"{failure.message} {failure.hint or ''}".strip()))
    return document


def show_runs(document: RunsDocument) -> None:
    """Print the table of runs."""
    console = output()
    if not document.runs:
        console.print("There are no runs. `footnote evaluate --set NAME` begins one.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("run", "begun", "set", "status", "cases", "report"):
        table.add_column(title, justify="right" if title == "cases" else "left", overflow="fold")
    for each in document.runs:
        begun = datetime.fromtimestamp(each.created_at, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M")
        status = each.status if each.error_code is None else f"{each.status} ({each.error_code})"
        done = f"{each.answered + each.errors:,} of {each.cases:,}"
        table.add_row(each.id, begun, escape(printable(each.set)), escape(status), done, each.report_id or "")
    console.print(table)


def show_cancelled(document: RunDocument) -> None:
    """Say that a run has ended, and how far it was."""
    done = f"{document.answered + document.errors:,} of {document.cases:,} cases were asked"
    output().print(f"The run {document.id} is cancelled: {done}.", markup=False, soft_wrap=True)


def _document(run: EvaluationRun, labels: dict[str, str]) -> RunDocument:
    return RunDocument(
        id=run.id,
        status=run.status,
        error_code=run.error_code,
        set=labels.get(run.set_id, run.set_id),
        release=run.release,
        created_at=run.created_at,
        cases=run.cases,
        answered=run.answered,
        errors=run.errors,
        report_id=run.report_id,
    )
