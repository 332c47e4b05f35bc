"""``footnote turn``: a question with its answer, and all that explains it."""

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.markup import escape
from rich.padding import Padding

from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import DraftClaim, Turn, TurnPassage
from footnote.cli.ask import MARKS, VERDICTS
from footnote.cli.json_documents import DraftClaimShown, TurnDocument
from footnote.cli.terminal import output, printable


def turn(client: ApiClient, turn_id: str) -> TurnDocument:
    """Return a turn.

    Raises:
        CommandFailed: there is none, or it is somebody else's.
    """
    found = client.turn(turn_id)
    return TurnDocument(
        turn_id=found.id,
        asked_at=found.created_at,
        release=found.release,
        run_id=found.run_id,
        erased_at=found.erased_at,
        question=found.question,
        query=found.query,
        draft=found.draft,
        claims=[_claim(found, each) for each in found.draft_claims],
        shown=found.shown,
        changes=found.changes,
        abstained=found.abstained,
        error_code=found.error_code,
        passages=found.passages,
    )


def show_turn(document: TurnDocument) -> None:
    """Print question, draft, the draft's claims with their verdicts, what people got where it differs, and the passages whole."""
    console = output()
    asked_at = datetime.fromtimestamp(document.asked_at, tz=UTC).isoformat(sep=" ", timespec="seconds")
    by_run = "" if document.run_id is None else f", asked by {document.run_id}"
    console.print(f"[dim]{escape(f'{document.turn_id}, {asked_at}, release {document.release}{by_run}')}[/]", soft_wrap=True)
    if document.erased_at is not None:
        console.print("Its text is gone: a document that it rested on was erased.")
        return
    for title, text in _texts(document):
        console.print(f"\n[bold]{title}[/]\n{escape(printable(text))}", soft_wrap=True)
    if document.claims:
        console.print("\n[bold]Claims of the draft[/]")
    for claim in document.claims:
        score = "" if claim.score is None else f" ({claim.score:.2f})"
        verdict = VERDICTS[claim.verdict].removesuffix(" by") + score
        console.print(f"{MARKS[claim.verdict]} {escape(printable(claim.text))} [dim]{escape(verdict)}[/]", soft_wrap=True)
    for change in document.changes:
        console.print(f"[dim]changed: {escape(printable(change))}[/]", soft_wrap=True)
    if document.passages:
        console.print("\n[bold]Passages[/]")
    for passage in document.passages:
        console.print(f"[bold]\\[{passage.n}][/] {escape(printable(_place(passage)))}", soft_wrap=True)
        if passage.text is not None:
            console.print(Padding(escape(printable(passage.text)), (0, 0, 0, 4), expand=False))


def _texts(document: TurnDocument) -> Iterator[tuple[str, str]]:
    yield "Question", document.question
    if document.query not in ("", document.question):
        yield "Searched for", document.query
    if document.error_code is not None:
        yield "Error", document.error_code
    yield "Draft" + (" (declined)" if document.abstained else ""), document.draft or "No draft was written."
    if document.shown != document.draft:
        yield "Shown", document.shown


def _place(passage: TurnPassage) -> str:
    if not passage.readable or passage.filename is None:
        return "It is gone, or you may not read it any more."
    return passage.filename + (f", page {passage.page}" if passage.page else "") + (f": {passage.heading}" if passage.heading else "")


def _claim(found: Turn, claim: DraftClaim) -> DraftClaimShown:
    return DraftClaimShown(text=found.draft[claim.start : claim.end], verdict=claim.verdict, score=claim.score)
