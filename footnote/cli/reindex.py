"""``footnote reindex``: collections are built anew beside what they show, compared, and flipped."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from rich.markup import escape
from rich.table import Table

from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import Collection, CollectionInSpace, Reindex
from footnote.cli.collection_choice import find_collection
from footnote.cli.failure import WRONG_USAGE, CommandFailed, Refused
from footnote.cli.reindex_documents import (
    ComparisonDocument,
    MetricDocument,
    RefusedCollection,
    ReindexDocument,
    ReindexedCollection,
    ReindexFailureDocument,
)
from footnote.cli.terminal import output, printable

if TYPE_CHECKING:
    from evaluation.cases import Case
    from evaluation.retrieval_comparison import Comparison

POLL_S = 0.5

Flip = Literal["built", "auto", "never"]
Action = Literal["status", "flip", "back", "cancel", "drop"]
Result = TypeVar("Result")
OnProgress = Callable[[Collection, Reindex], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """With what collections are re-indexed; None keeps the settings' embedder, or each file's cut."""

    embedder: str | None = None
    chunking: tuple[int, int] | None = None

    def body(self) -> dict[str, Any]:
        """Return it as the API asks for it."""
        body: dict[str, Any] = {}
        if self.embedder is not None:
            body["embedder"] = {"model": self.embedder}
        if self.chunking is not None:
            size, overlap = self.chunking
            body["chunking_strategy"] = {"type": "static", "static": {"max_chunk_size_tokens": size, "chunk_overlap_tokens": overlap}}
        return body


def parse_chunking(text: str) -> tuple[int, int]:
    """Return size and overlap of ``MAX`` or ``MAX,OVERLAP``.

    Raises:
        CommandFailed: it is neither.
    """
    size, _, overlap = text.partition(",")
    if not size.strip().isdecimal() or not (overlap.strip() or "0").isdecimal():
        raise CommandFailed(f"--chunking is MAX or MAX,OVERLAP in tokens, not {text}.", exit_status=WRONG_USAGE)
    return int(size), int(overlap or 0)


def chosen(client: ApiClient, names: Sequence[str], *, only_differing: bool) -> list[CollectionInSpace]:
    """Return the collections that are named; where none is, those with content, or those whose recipe is not the settings'.

    Raises:
        CommandFailed: a name is unknown, or stands for several.
    """
    there = client.collections_in_spaces()
    if not names:
        return [each for each in there if each.footnote.space is not None and (each.footnote.recipe_differs or not only_differing)]
    found: list[CollectionInSpace] = []
    for name in names:
        collection = find_collection(list(there), name)
        if collection is None:
            known = ", ".join(sorted(each.name for each in there))
            raise CommandFailed(f"There is no collection {name}.", hint=f"There are: {known}.")
        found += [each for each in there if each.id == collection.id]
    return found


def reindex(
    client: ApiClient,
    collections: Sequence[Collection],
    wanted: Wanted,
    *,
    cases: "Sequence[Case]" = (),
    flip: Flip = "built",
    accept_missing: bool = False,
    on_progress: OnProgress | None = None,
) -> ReindexDocument:
    """Build each collection anew and wait for it, compare old and new, and show the new one; what is begun already is gone on with.

    One that is refused keeps no other from it.

    Raises:
        CommandFailed: the server does not answer. What was begun goes on there.
    """
    begun, refused = _of_each(collections, lambda each: client.reindex(each.id, body=wanted.body()))
    done, unfinished = _of_each(
        [collection for collection, _ in begun],
        lambda each: _finish(client, each, cases, flip=flip, accept_missing=accept_missing, on_progress=on_progress),
    )
    return ReindexDocument(collections=[document for _, document in done], refused=refused + unfinished)


def act(client: ApiClient, collections: Sequence[Collection], action: Action, *, accept_missing: bool = False) -> ReindexDocument:
    """Show how far re-indexings are, or do something to them. One that is refused keeps no other from it.

    Raises:
        CommandFailed: the server does not answer.
    """
    body = {"accept_missing": accept_missing} if action == "flip" else None
    path = {"back": "flip_back", "status": None}.get(action, action)
    states, refused = _of_each(
        collections, lambda each: client.reindex_state(each.id) if path is None else client.reindex(each.id, path, body=body)
    )
    return ReindexDocument(collections=[_document(collection, state) for collection, state in states], refused=refused)


def _of_each(
    collections: Sequence[Collection], work: Callable[[Collection], Result]
) -> tuple[list[tuple[Collection, Result]], list[RefusedCollection]]:
    """Do something with each collection; return what came of it, and those that the server refused."""
    done: list[tuple[Collection, Result]] = []
    refused: list[RefusedCollection] = []
    for each in collections:
        try:
            done.append((each, work(each)))
        except Refused as error:
            refused.append(RefusedCollection(collection=Collection(id=each.id, name=each.name), message=error.message))
    return done, refused


def reindexed(client: ApiClient) -> list[CollectionInSpace]:
    """Return the collections that are, or ever were, re-indexed."""
    return [each for each in client.collections_in_spaces() if client.was_reindexed(each.id)]


def read_comparable_cases(path: Path) -> "tuple[Case, ...]":
    """Read labelled questions.

    Raises:
        CommandFailed: there is no such file.
        InvalidInput: it cannot be read.
    """
    from evaluation.cases import read_cases  # noqa: PLC0415  # numpy takes its time, and few compare

    if not path.is_file():
        raise CommandFailed(f"There is no file {path}.", exit_status=WRONG_USAGE)
    return read_cases(path)


def show_reindex(document: ReindexDocument) -> None:
    """Print a table, what failed, and how old and new compare."""
    console = output()
    for each in document.refused:
        console.print(f"{printable(each.collection.name)}: {printable(each.message)}", markup=False, soft_wrap=True)
    if not document.collections:
        if not document.refused:
            console.print("There is nothing to re-index: all collections are as the settings say.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("collection", "model", "state", "built", "chunks/s"):
        table.add_column(title, overflow="fold")
    for each in document.collections:
        table.add_row(
            escape(printable(each.collection.name)),
            escape(printable(each.model)),
            "shown, the old one is kept" if each.status == "flipped" else each.status,
            f"{each.built} of {each.total}" + (f", {each.failed} failed" if each.failed else ""),
            f"{each.chunks_per_second:.1f}",
        )
    console.print(table)
    for each in document.collections:
        _show_details(each)


def _show_details(each: ReindexedCollection) -> None:
    console = output()
    for failure in each.failures:
        console.print(f"  [red]{escape(printable(failure.filename))}[/]: {escape(printable(failure.message))}", soft_wrap=True)
    if each.comparison is not None:
        console.print(f"\n{escape(printable(each.collection.name))} on {each.comparison.cases} questions:")
        for metric in each.comparison.metrics:
            interval = f"{metric.difference:+.3f} [{metric.low:+.3f}, {metric.high:+.3f}]"
            console.print(f"  {metric.metric:<16} {metric.old:.3f} → {metric.new:.3f}   {escape(interval)}", soft_wrap=True)
    if each.queued:
        console.print(f"{each.queued} files came after the flip: they are read for the old versions, and are not found until then.")
    if each.not_flipped_because is not None:
        console.print(f"[yellow]Not shown yet:[/] {escape(printable(each.not_flipped_because))}", soft_wrap=True)


def _finish(
    client: ApiClient, collection: Collection, cases: "Sequence[Case]", *, flip: Flip, accept_missing: bool, on_progress: OnProgress | None
) -> ReindexedCollection:
    while True:
        state = client.reindex_state(collection.id)
        if on_progress is not None:
            on_progress(collection, state)
        if state.progress.is_settled:
            break
        time.sleep(POLL_S)
    comparison = _compare(client, collection, state, cases) if cases else None
    reason = _reason_against(state, comparison, flip=flip, accept_missing=accept_missing)
    if reason is None:
        state = client.reindex(collection.id, "flip", body={"accept_missing": accept_missing})
    return _document(collection, state, comparison=comparison, reason=reason)


def _reason_against(state: Reindex, comparison: "Comparison | None", *, flip: Flip, accept_missing: bool) -> str | None:
    """Return why what was built is not to be shown, or None where it is."""
    if flip == "never":
        return "`footnote reindex flip` shows it."
    if not state.progress.is_built and not accept_missing:
        return f"{state.progress.failed} files have failed. Mend them and begin again, or go without them: --accept-missing."
    if flip == "auto" and comparison is not None and comparison.worse:
        return f"It is worse by {', '.join(comparison.worse)}. `footnote reindex flip` shows it all the same."
    return None


def _compare(client: ApiClient, collection: Collection, state: Reindex, cases: "Sequence[Case]") -> "Comparison":
    """Ask the questions of what is shown and of what was built, and keep the figures beside the re-indexing."""
    from evaluation.labels import CitedSpan  # noqa: PLC0415  # as in read_comparable_cases
    from evaluation.retrieval_comparison import can_be_compared, compare  # noqa: PLC0415  # as above
    from evaluation.retrieval_metrics import DEPTH  # noqa: PLC0415  # as above

    comparable = [case for case in cases if can_be_compared(case)]

    def found(question: str, reindex_id: str | None) -> list[CitedSpan]:
        hits = client.search(collection.id, question, limit=DEPTH, reindex=reindex_id)
        return [CitedSpan(document=hit.filename, text="\n".join(piece.text for piece in hit.content)) for hit in hits]

    comparison = compare(
        comparable,
        old=[found(case.question, None) for case in comparable],
        new=[found(case.question, state.id) for case in comparable],
        n_given=len(cases),
    )
    client.reindex(collection.id, "comparison", body={"comparison": comparison.as_json()})
    return comparison


def _document(
    collection: Collection, state: Reindex, *, comparison: "Comparison | None" = None, reason: str | None = None
) -> ReindexedCollection:
    progress = state.progress
    return ReindexedCollection(
        collection=Collection(id=collection.id, name=collection.name),
        reindex_id=state.id,
        status=state.status,
        model=state.embedder.model,
        previous_model=None if state.previous_embedder is None else state.previous_embedder.model,
        total=progress.total,
        built=progress.built,
        failed=progress.failed,
        chunks=progress.chunks,
        chunks_per_second=progress.chunks_per_second,
        seconds_left=progress.seconds_left,
        keep_until=state.keep_until,
        failures=[
            ReindexFailureDocument(file_id=failure.file_id, filename=failure.filename, message=failure.message)
            for failure in progress.failures
        ],
        comparison=None if comparison is None else _comparison_document(comparison),
        not_flipped_because=reason,
        queued=0 if state.flip is None else state.flip.queued,
    )


def _comparison_document(comparison: "Comparison") -> ComparisonDocument:
    return ComparisonDocument(
        cases=comparison.n_cases,
        metrics=[
            MetricDocument(
                metric=name,
                old=metric.old.mean,
                new=metric.new.mean,
                difference=metric.difference.mean,
                low=metric.difference.low,
                high=metric.difference.high,
            )
            for name, metric in comparison.metrics.items()
        ],
        worse=list(comparison.worse),
    )
