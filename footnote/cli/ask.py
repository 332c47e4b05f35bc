"""``footnote ask``: the answer as it is written, and under it the footnotes that it rests on."""

import re
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from footnote.cli.api_client import ApiClient, FinalAnswer, TextPiece
from footnote.cli.api_objects import Claim, FileCitation, Footnote, Passage
from footnote.cli.collection_choice import existing_collections
from footnote.cli.failure import CommandFailed
from footnote.cli.json_documents import AskDocument, FootnoteShown
from footnote.cli.terminal import output, printable

MARKS = {"supported": "[green]✓[/]", "unsupported": "[red]✗[/]", "unchecked": "[yellow]?[/]"}
VERDICTS = {"supported": "supported by", "unsupported": "not supported", "unchecked": "not checked"}
MARKER = re.compile(r"\[(\d{1,4})\]")
QUOTE_CHARS = 400
CLAIM_CHARS = 100


def ask(client: ApiClient, question: str, *, collection: str | None, on_text: Callable[[str], None]) -> AskDocument:
    """Ask a question; ``on_text`` hears each piece of the answer as it arrives.

    Raises:
        CommandFailed: there is no such collection, the server does not answer, or the answer breaks off.
    """
    collection_ids = None if collection is None else [place.id for place in existing_collections(client, collection)]
    pieces: list[str] = []
    for part in client.ask(question, collection_ids=collection_ids):
        if isinstance(part, TextPiece):
            pieces.append(part.text)
            on_text(part.text)
        else:
            return _document(question, "".join(pieces), part)
    raise CommandFailed("The answer broke off.", hint="Ask again; the server's log says more.")


def show_text(piece: str) -> None:
    """Print a piece of the answer at once, as it is."""
    console = output()
    console.out(printable(piece), end="", highlight=False)
    console.file.flush()


def show_footnotes(document: AskDocument) -> None:
    """Print what stands under the answer: the verdict on each claim, and the passages that are cited."""
    console = output()
    console.print("\n")
    if document.abstained:
        console.print("[yellow]The documents do not answer this.[/]" + (" The nearest passages:" if document.passages else ""))
    else:
        for claim in document.claims:
            console.print(_claim_line(document.text, claim), soft_wrap=True)
        console.print()
    for footnote in document.footnotes:
        _show_footnote(console, footnote)
    console.print(f"\n[dim]turn {document.turn_id}, release {document.release}, {document.timings_ms.get('total', 0) / 1000:.1f} s[/]")


def footnotes(text: str, footnote: Footnote, citations: Sequence[FileCitation]) -> list[FootnoteShown]:
    """Return the passages that the answer cites, each with what is quoted from it; after an abstention all passages.

    Args:
        text: the answer; its markers count also where nobody judged the claims.
        footnote: passages and claims.
        citations: quotes.
    """
    cited = {n for claim in footnote.claims for n in claim.citations} | {int(n) for n in MARKER.findall(text)}
    shown = [passage for passage in footnote.passages if footnote.abstained or passage.n in cited]
    return [
        FootnoteShown(
            n=passage.n,
            file_id=passage.file_id,
            filename=passage.filename,
            page=passage.page,
            heading=passage.heading,
            quotes=_quotes(passage, citations) or [passage.text],
        )
        for passage in shown
    ]


def _quotes(passage: Passage, citations: Sequence[FileCitation]) -> list[str]:
    """Return the quotes that lie in a passage, each once."""
    inside = [
        each.quote for each in citations if each.file_id == passage.file_id and passage.start <= each.start and each.end <= passage.end
    ]
    return list(dict.fromkeys(inside))


def _document(question: str, text: str, final: FinalAnswer) -> AskDocument:
    footnote = final.footnote
    return AskDocument(
        question=question,
        text=text,
        abstained=footnote.abstained,
        query=footnote.query,
        claims=footnote.claims,
        footnotes=footnotes(text, footnote, final.citations),
        passages=footnote.passages,
        turn_id=footnote.turn_id,
        release=footnote.release,
        finish_reason=final.finish_reason,
        timings_ms=footnote.timings_ms,
    )


def _claim_line(text: str, claim: Claim) -> str:
    cited = " ".join(f"[{n}]" for n in claim.citations)
    verdict = f"{VERDICTS[claim.verdict]} {cited}" if claim.verdict == "supported" else VERDICTS[claim.verdict]
    score = "" if claim.score is None else f" ({claim.score:.2f})"
    quoted = " (quoted in place of an unsupported sentence)" if claim.replaced else ""
    shown = _shortened(text[claim.start : claim.end], CLAIM_CHARS)
    return f"{MARKS[claim.verdict]} {escape(shown)} [dim]{escape(verdict + score + quoted)}[/]"


def _show_footnote(console: Console, shown: FootnoteShown) -> None:
    place = shown.filename + (f", page {shown.page}" if shown.page else "") + (f": {shown.heading}" if shown.heading else "")
    console.print(f"[bold]\\[{shown.n}][/] {escape(printable(place))}")
    for quote in shown.quotes:
        console.print(Padding(f"[dim]“{escape(_shortened(quote, QUOTE_CHARS))}”[/]", (0, 0, 0, 4), expand=False))


def _shortened(text: str, n_chars: int) -> str:
    """Return the text on one line, cut at so many characters."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= n_chars else line[: n_chars - 1].rstrip() + "…"
