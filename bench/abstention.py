"""Choose the abstention threshold on inscit and xquad for 5 % false abstentions, and say what it gives.

    python -m bench.abstention --data DIR --svg docs/abstention.svg --json build/abstention.json

Each question goes through the search and the near-duplicate removal that serve. Answerable: all questions of xquad (English), and the
turns of inscit that every annotator answered. Unanswerable: the same questions while the paragraph or the whole article with the answer is
filtered out, and the turns of inscit that no annotator could answer. Follow-ups of inscit are made to stand alone by the rule that serves.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.collection import ACCESS, BenchCollection, Section, open_collection
from bench.public_data import add_data_option, read_json_lines
from footnote.core.settings import RetrievalSettings
from footnote.core.types import Comparison, Filter, Message
from retrieval.abstention import COVERAGE_WEIGHT
from retrieval.coverage import Coverage
from serving.rewriting import standalone_query

FALSE_ABSTENTIONS = 0.05
WEIGHTS = (0.0, 0.1, 0.3, 0.5, 0.7, 1.0)
THRESHOLDS = (0.45, 0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80)
ANSWERABLE = ("xquad", "inscit")
UNANSWERABLE = {
    "xquad, article removed": "xquad",
    "xquad, paragraph removed": "xquad",
    "inscit, articles removed": "inscit",
    "inscit, no answer": "inscit",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a question's hits have: similarity and coverage, a row each."""

    hits: NDArray[np.float64]

    def best(self, weight: float) -> float:
        return float((self.hits[:, 0] + weight * self.hits[:, 1]).max(initial=-1.0))


Gathered = dict[str, list[Evidence]]


async def main(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="footnote-bench-") as temporary:
        folder = options.work or Path(temporary)
        gathered: Gathered = {}
        async with open_collection(folder / "xquad") as collection:
            await xquad(collection, options.data / "xquad" / "en", gathered)
        async with open_collection(folder / "inscit") as collection:
            await inscit(collection, options.data / "inscit", gathered)
    report(gathered)
    if options.svg:
        options.svg.write_text(svg(gathered), encoding="utf-8")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({name: [each.hits.tolist() for each in rows] for name, rows in gathered.items()}))


# ----------------------------------------------------------------------------------------------------------------- asking


class Asker:
    """Asks a collection, and keeps what the hits have."""

    def __init__(self, collection: BenchCollection) -> None:
        self._finder = collection.finder(RetrievalSettings())
        self._coverage = Coverage()

    async def ask(self, query: str, without: Filter | None = None) -> Evidence:
        hits = (await self._finder.retrieve(query, ACCESS, filter=without)).hits
        terms = self._coverage.terms(query)
        rows = [(hit.similarity, self._coverage.of(f"{hit.chunk.context}\n{hit.chunk.text}", terms)) for hit in hits]
        return Evidence(np.array(rows, dtype=np.float64).reshape(-1, 2))


async def xquad(collection: BenchCollection, data: Path, gathered: Gathered) -> None:
    article_of: dict[str, str] = {}
    for row in read_json_lines(data / "corpus.jsonl.gz"):
        article_of[row["_id"]] = row["title"]
        section = Section(id=row["_id"], title=row["title"].replace("_", " "), text=row["text"])
        await collection.add(f"{row['_id']}.md", [section], {"article": row["title"], "paragraph": row["_id"]})
    asker = Asker(collection)
    for row in read_json_lines(data / "queries.jsonl.gz"):
        question, gold = row["text"], row["gold"]
        _note(gathered, "xquad", await asker.ask(question))
        without_article = Comparison(operator="ne", key="article", value=article_of[gold])
        _note(gathered, "xquad, article removed", await asker.ask(question, without_article))
        without_paragraph = Comparison(operator="ne", key="paragraph", value=gold)
        _note(gathered, "xquad, paragraph removed", await asker.ask(question, without_paragraph))


async def inscit(collection: BenchCollection, data: Path, gathered: Gathered) -> None:
    articles: dict[str, list[Section]] = {}
    for row in read_json_lines(data / "corpus.jsonl.gz"):
        articles.setdefault(_article(row["_id"]), []).append(Section(id=row["_id"], title=row["title"], text=row["text"]))
    for number, (article, sections) in enumerate(sorted(articles.items())):
        await collection.add(f"{number}.md", sections, {"article": article})
    asker = Asker(collection)
    for row in read_json_lines(data / "queries.jsonl.gz"):
        kinds = {label["type"] for label in row["labels"]}
        query = standalone_query(row["text"], _dialogue(row["history"]))
        if kinds == {"directAnswer"}:
            gold = tuple(sorted({_article(passage) for label in row["labels"] for passage in label["evidence"]}))
            _note(gathered, "inscit", await asker.ask(query))
            without = Comparison(operator="nin", key="article", value=gold)
            _note(gathered, "inscit, articles removed", await asker.ask(query, without))
        elif all(kind.startswith("noAnswer") for kind in kinds):
            _note(gathered, "inscit, no answer", await asker.ask(query))


def _article(passage_id: str) -> str:
    return passage_id.rsplit(":", 1)[0]


def _dialogue(history: Sequence[str]) -> list[Message]:
    return [Message(role="assistant" if place % 2 else "user", content=text) for place, text in enumerate(history)]


def _note(gathered: Gathered, name: str, evidence: Evidence) -> None:
    gathered.setdefault(name, []).append(evidence)


# -------------------------------------------------------------------------------------------------------------- reporting


def shares_below(gathered: Gathered, threshold: float, weight: float) -> dict[str, float]:
    """Return the share of each set's questions at which a threshold abstains."""
    return {name: float(np.mean([each.best(weight) < threshold for each in rows])) for name, rows in gathered.items()}


def threshold_for(gathered: Gathered, weight: float, wanted: float = FALSE_ABSTENTIONS) -> float:
    """Return the largest threshold, in hundredths, whose false abstentions are at most as wanted, both sets counting the same."""
    hundredths = [step / 100 for step in range(-100, 201)]
    false = [np.mean([shares_below(gathered, each, weight)[name] for name in ANSWERABLE]) for each in hundredths]
    return max(each for each, share in zip(hundredths, false, strict=True) if share <= wanted)


def report(gathered: Gathered) -> None:
    print("Questions: " + ", ".join(f"{name} {len(rows)}" for name, rows in gathered.items()))
    names = [*ANSWERABLE, *UNANSWERABLE]
    header = "| " + " | ".join([*(f"{name}: false" for name in ANSWERABLE), *(f"{name}: right" for name in UNANSWERABLE)]) + " |"
    print(f"\n| weight of coverage | threshold at 5 % {header}\n" + "|---" * (len(names) + 2) + "|")
    for weight in WEIGHTS:
        _print_row(
            [f"{weight:.1f}", f"{threshold_for(gathered, weight):.2f}"], shares_below(gathered, threshold_for(gathered, weight), weight)
        )
    print(f"\nWeight {COVERAGE_WEIGHT}:\n\n| threshold {header}\n" + "|---" * (len(names) + 1) + "|")
    for threshold in sorted({*THRESHOLDS, threshold_for(gathered, COVERAGE_WEIGHT)}):
        _print_row([f"{threshold:.2f}"], shares_below(gathered, threshold, COVERAGE_WEIGHT))


def _print_row(first: Sequence[str], shares: dict[str, float]) -> None:
    print("| " + " | ".join([*first, *(f"{100 * shares[name]:.1f} %" for name in (*ANSWERABLE, *UNANSWERABLE))]) + " |")


def svg(gathered: Gathered) -> str:
    """Draw right over false abstentions for each unanswerable set: solid with coverage, dashed by the cosine alone."""
    colours = ("#1b6ca8", "#d1495b", "#3a7d44", "#8d6a9f")
    curves = [
        f'<polyline fill="none" stroke="{colour}" stroke-width="2" {dash} points="{_points(gathered, name, weight)}"/>'
        for (name, colour) in zip(UNANSWERABLE, colours, strict=True)
        for weight, dash in ((COVERAGE_WEIGHT, ""), (0.0, 'stroke-dasharray="4 3" opacity="0.7"'))
    ]
    legend = [
        f'<text x="{50 + 270 * (place % 2)}" y="{404 + 20 * (place // 2)}" fill="{colour}">{name}</text>'
        for place, (name, colour) in enumerate(zip(UNANSWERABLE, colours, strict=True))
    ]
    ticks_x = [f'<text x="{_x(share):.0f}" y="352" text-anchor="middle">{share:.0%}</text>' for share in (0, 0.05, 0.1, 0.2, 0.3)]
    ticks_y = [f'<text x="44" y="{_y(share) + 4:.0f}" text-anchor="end">{share:.0%}</text>' for share in (0, 0.25, 0.5, 0.75, 1)]
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 436" font-family="sans-serif" font-size="12">',
            '<rect width="600" height="436" fill="white"/>',
            f'<path d="M{_x(0)} {_y(1)} V{_y(0)} H{_x(0.3)}" fill="none" stroke="#444"/>',
            f'<path d="M{_x(FALSE_ABSTENTIONS)} {_y(0)} V{_y(1)}" stroke="#999" stroke-dasharray="2 4"/>',
            *curves,
            *legend,
            *ticks_x,
            *ticks_y,
            '<text x="320" y="376" text-anchor="middle">false abstentions on the same set’s answerable questions</text>',
            '<text x="50" y="14">right abstentions (solid: with coverage, dashed: cosine alone)</text>',
            "</svg>",
            "",
        ]
    )


def _points(gathered: Gathered, name: str, weight: float) -> str:
    answerable = np.array([each.best(weight) for each in gathered[UNANSWERABLE[name]]])
    unanswerable = np.array([each.best(weight) for each in gathered[name]])
    false_shares = np.linspace(0, 0.3, 61)
    return " ".join(
        f"{_x(false):.1f},{_y(float(np.mean(unanswerable < threshold))):.1f}"
        for false, threshold in zip(false_shares, np.quantile(answerable, false_shares), strict=True)
    )


def _x(false_share: float) -> float:
    return 50 + false_share / 0.3 * 530


def _y(right_share: float) -> float:
    return 335 - right_share * 310


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--work", type=Path, default=None, help="keep the collections here, for the next run")
    parser.add_argument("--svg", type=Path, default=None, help="draw the curves into this file")
    parser.add_argument("--json", type=Path, default=None, help="write similarity and coverage of all hits to this file")
    asyncio.run(main(parser.parse_args()))
