"""Choose from which likeness on two documents are called nearly the same: precision and recall on pairs made by rule, and the time of it.

    python -m bench.near_duplicates --data DIR

Pairs that are nearly the same: a text and itself after an edit as people make them. Pairs that are not: texts of different documents,
among them some that share much of their words by rule: filings of one company for two quarters, filings of different companies, letters
with the same form, and texts of which half is another's. What a pair's texts really share is not looked at: that is what is measured.
"""

import argparse
import random
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

from bench.public_data import add_data_option, read_json_lines
from footnote.core.fingerprints import N_BANDS, bands_of, fingerprint_of, likeness
from ingestion.cleaning import clean
from ingestion.parsing import ParsingLimits, parse

THRESHOLDS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
N_TEXTS = 300
Pair = tuple[str, str]
Edit = Callable[[str, random.Random], str]


# ----------------------------------------------------------------------------------------------------------------------------- edits


def set_anew(text: str, _: random.Random) -> str:
    """Another program's spacing, quotation marks and hyphens."""
    return re.sub(r"\s+", "\n", text.replace("'", "’").replace('"', "”").replace("-", "‐"))


def words_changed(share: float) -> Edit:
    """Some words are others, in a few places, as corrections are."""

    def edit(text: str, rng: random.Random) -> str:
        words = text.split()
        n_left = max(1, round(share * len(words)))
        while n_left > 0:
            run = min(n_left, rng.randint(1, 4))
            place = rng.randrange(len(words))
            words[place : place + run] = [f"changed{rng.randrange(10**6)}" for _ in range(run)]
            n_left -= run
        return " ".join(words)

    return edit


def numbers_changed(text: str, rng: random.Random) -> str:
    """Every tenth number is another: a price list of a new year."""
    return re.sub(r"\d+", lambda match: str(rng.randrange(1000)) if rng.random() < 0.1 else match.group(), text)


def paragraph_added(text: str, rng: random.Random) -> str:
    words = text.split()
    place = rng.randrange(len(words))
    return " ".join([*words[:place], *(f"new{rng.randrange(10**6)}" for _ in range(len(words) // 20)), *words[place:]])


def part_moved(text: str, rng: random.Random) -> str:
    words = text.split()
    a, b, c = sorted(rng.randrange(len(words)) for _ in range(3))
    return " ".join([*words[:a], *words[b:c], *words[a:b], *words[c:]])


EDITS: dict[str, Edit] = {
    "set anew by another program": set_anew,
    "1 % of words changed": words_changed(0.01),
    "2 % of words changed": words_changed(0.02),
    "5 % of words changed": words_changed(0.05),
    "every tenth number changed": numbers_changed,
    "5 % of text added": paragraph_added,
    "a part moved": part_moved,
}


# ----------------------------------------------------------------------------------------------------------------------------- pairs


def texts_of(data: Path, rng: random.Random) -> list[str]:
    """Return abstracts, joined by three, so that they are as long as a page."""
    rows = read_json_lines(data / "scifact" / "corpus.jsonl.gz")
    texts = [f"{row.get('title', '')}\n{row.get('text', '')}" for row in rows]
    rng.shuffle(texts)
    return ["\n\n".join(texts[place : place + 3]) for place in range(0, 3 * N_TEXTS, 3)]


def filings_of(data: Path) -> dict[str, str]:
    paths = sorted((data / "kgrag_sec10q" / "docs").glob("*.pdf"))
    return {path.stem: clean(parse(path, filename=path.name, limits=ParsingLimits())).text for path in paths}


def letters(rng: random.Random) -> list[str]:
    """Letters of one form: the same 120 words around what each says in 60 of its own."""
    form = [f"form{number}" for number in range(120)]
    return [" ".join([*form[:40], *(f"own{rng.randrange(10**6)}" for _ in range(60)), *form[40:]]) for _ in range(60)]


def halves(texts: Sequence[str]) -> Iterator[Pair]:
    """Pairs of texts, of which one has half of its words from the other."""
    for one, other in zip(texts[::2], texts[1::2], strict=True):
        words, others = one.split(), other.split()
        yield one, " ".join([*words[: len(words) // 2], *others[len(others) // 2 :]])


# -------------------------------------------------------------------------------------------------------------------------- measures


def likenesses(pairs: Sequence[Pair]) -> list[float]:
    """Return what each pair is found to be alike; 0 where its fingerprints have no band in common and are never compared."""
    found: list[float] = []
    for one, other in pairs:
        a, b = fingerprint_of(one), fingerprint_of(other)
        if a is None or b is None or not set(bands_of(a, owner="x")) & set(bands_of(b, owner="x")):
            found.append(0.0)
        else:
            found.append(likeness(a, b))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    data: Path = parser.parse_args().data
    rng = random.Random(7)
    texts, filings = texts_of(data, rng), filings_of(data)
    quarters = [(filings[a], filings[b]) for a, b in combinations(filings, 2) if a.split()[-1] == b.split()[-1]]
    companies = [(filings[a], filings[b]) for a, b in combinations(filings, 2) if a.split()[-1] != b.split()[-1]]
    same: dict[str, list[float]] = {}
    for name, edit in EDITS.items():
        sources = [*texts, *filings.values()]
        same[name] = likenesses([(text, edit(text, rng)) for text in sources])
    different = {
        "other abstracts": likenesses(list(combinations(texts[:120], 2))),
        "filings of different companies": likenesses(companies),
        "filings of one company, two quarters": likenesses(quarters),
        "letters with the same form (two thirds of the words)": likenesses(list(combinations(letters(rng), 2))),
        "half of the words are the other's": likenesses(list(halves(texts))),
    }
    print(f"{len(texts)} texts of about {statistics.median(len(text.split()) for text in texts):.0f} words, {len(filings)} filings.\n")
    _print_shares("nearly the same: found", same)
    _print_shares("different: found all the same", different)
    print("\n| threshold | precision | recall |\n| --- | ---: | ---: |")
    for threshold in THRESHOLDS:
        n_right = sum(value >= threshold for values in same.values() for value in values)
        n_wrong = sum(value >= threshold for values in different.values() for value in values)
        n_same = sum(map(len, same.values()))
        print(f"| {threshold} | {n_right / max(1, n_right + n_wrong):.4f} | {n_right / n_same:.4f} |")
    longest = max(filings.values(), key=len)
    began = time.perf_counter()
    fingerprint_of(longest)
    print(f"\nA fingerprint of {len(longest.split()):,} words: {1000 * (time.perf_counter() - began):.0f} ms; {N_BANDS} bands.")


def _print_shares(title: str, groups: dict[str, list[float]]) -> None:
    print(f"| {title} | pairs | median likeness | " + " | ".join(f"≥ {threshold}" for threshold in THRESHOLDS) + " |")
    print("| --- | ---: | ---: | " + " | ".join("---:" for _ in THRESHOLDS) + " |")
    for name, values in groups.items():
        shares = [sum(value >= threshold for value in values) / len(values) for threshold in THRESHOLDS]
        print(f"| {name} | {len(values)} | {statistics.median(values):.2f} | " + " | ".join(f"{share:.3f}" for share in shares) + " |")
    print()


if __name__ == "__main__":
    main()
