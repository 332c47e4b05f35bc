"""``footnote sets generate``: a set of questions made from the documents that there are."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from pydantic import Field
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import GeneratedSet, GenerationStep
from footnote.cli.collection_choice import existing_collections
from footnote.cli.failure import WRONG_USAGE, CommandFailed
from footnote.cli.json_documents import JsonDocument
from footnote.cli.sets import SetDocument, set_document
from footnote.cli.terminal import messages, output, printable

WAYS = ("rule", "model")
STEPS = {"reading": "reading documents", "asking": "writing questions", "checking": "looking for other answers"}
REASONS = {
    "language": "documents that are not in English, which the rules are for",
    "same_name": "documents whose file has the same name as another",
    "ambiguous": "questions that several places answer",
    "no_short_answer": "places without a short answer that could be recognised",
    "quote_length": "places too long or too short to be quoted",
    "answered_elsewhere": "made-up questions that some document might answer after all",
    "not_quoted": "answers for which the model quoted no words of the document",
    "judge_unavailable": "questions for which the model's server did not answer",
    "judge_timeout": "questions that the model took too long for",
    "judge_invalid_output": "questions that the model did not write in the form asked for",
    "judge_refused": "passages that the model would not write about",
    "judge_prompt_too_long": "passages too long for the model",
}
SHOWN_FILES = 10

OnStep = Callable[[GenerationStep], None]


class GeneratedSetDocument(JsonDocument):
    """What ``footnote sets generate`` made."""

    set: SetDocument | None = Field(description="The version that holds the cases; null where no case could be made.")
    is_new: bool = Field(description="False where the newest version held the very same cases already, or there are none.")
    files: int = Field(description="Files that were looked at.")
    kinds: dict[str, int] = Field(description="Cases of each kind.")
    cases_of_files: dict[str, int] = Field(description="Cases of each file.")
    left_out: dict[str, int] = Field(description="Why what was looked at made no case, and how often.")


def generate_set(
    client: ApiClient, *, name: str, collection: str | None, cases: int, by: str, seed: int, on_progress: OnStep
) -> GeneratedSetDocument:
    """Have the server generate a set.

    Raises:
        CommandFailed: there is no such way or collection, or the server refuses.
    """
    if by not in WAYS:
        raise CommandFailed(f"--by is rule or model, not {by}.", exit_status=WRONG_USAGE)
    place = None if collection is None else existing_collections(client, collection)[0].id
    for event in client.generate_set(name, collection_id=place, cases=cases, by=by, seed=seed):
        if isinstance(event, GeneratedSet):
            made = event.evaluation_set
            return GeneratedSetDocument(
                set=None if made is None else set_document(made),
                is_new=made is not None and made.is_new,
                files=event.files,
                kinds=event.kinds,
                cases_of_files=event.cases_of_files,
                left_out=event.left_out,
            )
        on_progress(event)
    raise CommandFailed("The generation broke off.", hint="Try again; the server's log says more.")


@contextmanager
def generation_bar() -> Generator[OnStep]:
    """Draw on standard error while the block runs; nothing where that is no terminal."""
    console = messages()
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("", total=None)

        def on_progress(step: GenerationStep) -> None:
            bar.update(task, description=STEPS.get(step.step, step.step), completed=step.done, total=step.total)

        yield on_progress


def show_generated(document: GeneratedSetDocument) -> None:
    """Say which version it is, how many cases of which kind and file, and what was left out."""
    console = output()
    if document.set is None:
        console.print(f"No case could be made of {document.files:,} files.")
    else:
        known = "" if document.is_new else ", as it was already"
        console.print(f"{printable(document.set.name)}@{document.set.number}: {document.set.cases:,} cases{known}.", markup=False)
        _table("kind", document.kinds)
        _table("file", dict(sorted(document.cases_of_files.items(), key=lambda each: -each[1])[:SHOWN_FILES]))
        if len(document.cases_of_files) > SHOWN_FILES:
            console.print(f"and {len(document.cases_of_files) - SHOWN_FILES:,} more files.")
    for reason, n in document.left_out.items():
        console.print(f"left out: {n:,} {REASONS.get(reason, reason)}", markup=False)


def _table(title: str, counts: dict[str, int]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(title, overflow="fold")
    table.add_column("cases", justify="right")
    for name, n in counts.items():
        table.add_row(escape(printable(name)), f"{n:,}")
    output().print(table)
