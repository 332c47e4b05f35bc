"""Training pairs: a claim, the evidence that a cross-encoder reads beside it, and whether the one rests on the other.

It owns reading the public sets and the sample handbook and making pairs by rule. Test splits are never read here, nor the handbook's
part ``test``.
"""

import gzip
import hashlib
import html
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuning.judge.alterations import NAME, NUMBER, altered, exchanged, joined, negated
from tuning.judge.evidence import best_sentences, sentences_of
from tuning.judge.statements import statement

PUBLIC_SETS = {
    "wice": ("wice/examples.jsonl.gz", "dev"),
    "begin_wow": ("begin_wow/examples.jsonl.gz", "dev"),
    "scifact": ("scifact/claim_examples.jsonl.gz", "train"),
    "fool_me_twice": ("fool_me_twice/examples.jsonl.gz", "dev"),
}
HANDBOOK_TUNING_SOURCES = (
    "handbook-sources/dosing-pump-d40-manual.md",
    "handbook-sources/employee-handbook.md",
    "handbook-sources/fire-plan-skelderby.md",
    "handbook/incident-runbook.md",
    "handbook-sources/information-security-policy.md",
    "handbook/leave-entitlements-2022.md",
    "handbook-sources/price-list-2025.md",
    "handbook-sources/procurement-rules.md",
    "handbook/remote-work-2021.txt",
    "handbook/remote-work-2024.html",
    "handbook-sources/town-hall-spring-2025.md",
)
"""The texts of the documents that the handbook's tuning questions are about; the others belong to its test part."""

VALIDATION_SHARE = 4
_MIN_WORDS, _MAX_WORDS = 6, 40
_MADE_EVIDENCE_WORDS = 55
_MARKUP = re.compile(r"<[^>]+>|^\+\+\+.*?^\+\+\+|[*_#`]+|^\s*\|?[\s:|-]+\|?\s*$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pair:
    """A claim and its evidence. ``group`` tells contexts apart: pairs of one group are all trained on or all held out."""

    source: str
    group: str
    claim: str
    evidence: str
    label: int


def is_held_out(pair: Pair) -> bool:
    """Say whether a pair belongs to the quarter that is validated on; the same for all pairs of a context, in every run."""
    return int(hashlib.sha256(pair.group.encode()).hexdigest()[:8], 16) % VALIDATION_SHARE == 0


def public_pairs(folder: Path) -> list[Pair]:
    """Return the pairs of the public sets that may be trained on, as people labelled them."""
    return [
        Pair(
            source=name,
            group=row["context"],
            claim=row["answer"],
            label=int(row["label"]),
            evidence=best_sentences(row["answer"], sentences_of(row["context"])),
        )
        for name, row in _public_rows(folder)
    ]


def made_pairs(folder: Path, examples: Path, *, seed: int) -> list[Pair]:
    """Return pairs made by rule from XQuAD, INSCIT, the handbook's tuning part, and the public sets' own training contexts."""
    rng = random.Random(seed)  # noqa: S311  # examples, not secrets
    return [
        *_from_xquad(folder, rng),
        *_from_inscit(folder, rng),
        *_from_handbook(examples, rng),
        *_from_public_sets(folder, rng),
    ]


def balanced(pairs: Sequence[Pair], *, n: int, seed: int) -> list[Pair]:
    """Return up to n pairs, half of them supported, drawn from the sources alike as far as these have enough."""
    rng = random.Random(seed)  # noqa: S311  # examples, not secrets
    pools: dict[tuple[str, int], list[Pair]] = defaultdict(list)
    for pair in dict.fromkeys(pairs):
        pools[pair.source, pair.label].append(pair)
    for pool in pools.values():
        rng.shuffle(pool)
    chosen: list[Pair] = []
    counts: Counter[int] = Counter()
    while any(pools.values()):
        for (_, label), pool in sorted(pools.items()):
            if pool and counts[label] < n // 2:
                chosen.append(pool.pop())
                counts[label] += 1
            elif counts[label] >= n // 2:
                pool.clear()
    return chosen


def _public_rows(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, (file, split) in PUBLIC_SETS.items():
        yield from ((name, row) for row in _rows(folder / file) if row["split"] == split)


def _rows(path: Path) -> list[dict[str, Any]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    return [json.loads(line) for line in text.split("\n") if line]


def _evidence(claim: str, text: str, *, without: Iterable[str] = ()) -> str:
    """Return the evidence of a made pair: less of it than of a labelled one, since half the tokens take half the time."""
    dropped = set(without)
    sentences = [sentence for sentence in sentences_of(text) if sentence not in dropped]
    return best_sentences(claim, sentences, max_words=_MADE_EVIDENCE_WORDS)


def _from_sentences(source: str, text: str, strangers: Sequence[str], rng: random.Random, *, n: int) -> Iterator[Pair]:
    """Yield the altered forms of up to n sentences of a text, and each without its evidence and joined with what the text does not say."""
    sentences = sentences_of(text)
    usable = [sentence for sentence in sentences if _MIN_WORDS <= len(sentence.split()) <= _MAX_WORDS and " | " not in sentence]
    if len(sentences) < 3:
        return
    for sentence in rng.sample(usable, min(n, len(usable))):
        neighbours = [other for other in sentences if other != sentence]
        made: list[tuple[str, int, tuple[str, ...]]] = [(each.claim, int(each.holds), ()) for each in altered(sentence, neighbours, rng)]
        holding = [claim for claim, holds, _ in made if holds]
        made.append((holding[-1], 0, (sentence,)))
        made.append((joined(rng.choice(holding), rng.choice(strangers)), 0, ()))
        short = [other for other in usable if other != sentence and len(other.split()) + len(sentence.split()) <= _MAX_WORDS]
        if short:
            made.append((joined(rng.choice(holding), rng.choice(short)), 1, ()))
        for claim, label, without in made:
            yield Pair(source=source, group=text, claim=claim, evidence=_evidence(claim, text, without=without), label=label)


def _strangers(texts: Iterable[str]) -> list[str]:
    """Return sentences short enough to be joined to a claim about another text."""
    return sorted({s for text in texts for s in sentences_of(text) if _MIN_WORDS <= len(s.split()) <= 20 and " | " not in s})


def _from_xquad(folder: Path, rng: random.Random) -> Iterator[Pair]:
    passages = {row["_id"]: row["text"] for row in _rows(folder / "xquad/en/corpus.jsonl.gz")}
    questions = _rows(folder / "xquad/en/queries.jsonl.gz")
    answers: dict[str, list[str]] = defaultdict(list)
    for row in questions:
        answers[row["gold"]].append(row["answers"][0])
    for row in questions:
        text, answer = passages[row["gold"]], row["answers"][0]
        claims = [(statement(row["text"], answer), 1)]
        claims += [(statement(row["text"], other), 0) for other in _rivals(answer, text, answers[row["gold"]], rng)]
        claims += [(claim, 0) for claim in [negated(claims[0][0])] if claim and rng.random() < 0.5]
        yield from (Pair("xquad questions", text, claim, _evidence(claim, text), label) for claim, label in claims)
    strangers = _strangers(passages.values())
    for text in passages.values():
        yield from _from_sentences("xquad", text, strangers, rng, n=3)


def _rivals(answer: str, text: str, others: Sequence[str], rng: random.Random) -> list[str]:
    """Return up to two wrong answers of the right sort: another number or name of the passage, or the answer to another question."""
    kind = NUMBER if NUMBER.search(answer) else NAME
    same_sort = [found for found in kind.findall(text) if found not in answer] if NUMBER.search(answer) or answer[:1].isupper() else []
    pool = [[other for other in dict.fromkeys(group) if other not in answer and answer not in other] for group in (same_sort, others)]
    return [rng.choice(group) for group in pool if group]


def _from_inscit(folder: Path, rng: random.Random) -> Iterator[Pair]:
    passages = {row["_id"]: row["text"] for row in _rows(folder / "inscit/corpus.jsonl.gz")}
    titles: dict[str, list[str]] = defaultdict(list)
    for key in passages:
        titles[key.rsplit(":", 1)[0]].append(key)
    for row in _rows(folder / "inscit/queries.jsonl.gz"):
        for label in row["labels"]:
            known = [key for key in label["evidence"] if key in passages]
            claim = label["response"]
            if label["type"] != "directAnswer" or not known or len(claim.split()) > _MAX_WORDS:
                continue
            text = "\n".join(passages[key] for key in known)
            yield Pair("inscit answers", text, claim, _evidence(claim, text), 1)
            for wrong in _wrong(claim, sentences_of(text), rng):
                yield Pair("inscit answers", text, wrong, _evidence(wrong, text), 0)
            beside = [passages[key] for first in known for key in titles[first.rsplit(":", 1)[0]] if key not in label["evidence"]]
            if beside:
                other = rng.choice(beside)
                yield Pair("inscit answers", text, claim, _evidence(claim, other), 0)
    strangers = _strangers(passages.values())
    for text in passages.values():
        yield from _from_sentences("inscit", text, strangers, rng, n=1)


def _from_handbook(examples: Path, rng: random.Random) -> Iterator[Pair]:
    texts = [_plain((examples / source).read_text(encoding="utf-8")) for source in HANDBOOK_TUNING_SOURCES]
    blocks = [sentence for text in texts for sentence in sentences_of(text)]
    for row in _rows(examples / "handbook-questions.jsonl"):
        if row["part"] != "tune" or not row["answerable"]:
            continue
        claim, quotes = row["reference_answer"], " ".join(gold["quote"] for gold in row["gold"])
        nearby = [sentence for sentence in blocks if sentence not in quotes]
        evidence = f"{quotes} {best_sentences(claim, nearby, max_words=_MADE_EVIDENCE_WORDS // 2)}"
        yield Pair("handbook answers", quotes, claim, evidence, 1)
        yield from (Pair("handbook answers", quotes, wrong, evidence, 0) for wrong in _wrong(claim, [evidence], rng))
    strangers = _strangers(texts)
    for text in texts:
        sections = re.split(r"\n(?=\d+\.|\w[^\n|.]{3,60}\n\n)", text)
        for section in sections:
            yield from _from_sentences("handbook", section, strangers, rng, n=3)


def _plain(text: str) -> str:
    lines = html.unescape(_MARKUP.sub("", text)).splitlines()
    return "\n".join(line.strip(" |") for line in lines)


def _wrong(claim: str, evidence: Sequence[str], rng: random.Random) -> list[str]:
    """Return a claim that holds with a number, a name and a negation changed, as far as it has them."""
    forms = (exchanged(claim, NUMBER, evidence, rng), exchanged(claim, NAME, evidence, rng), negated(claim))
    return [form for form in forms if form is not None]


def _from_public_sets(folder: Path, rng: random.Random) -> Iterator[Pair]:
    """Yield supported claims with something changed, or with the sentences that they rest on taken away, and altered sentences."""
    rows = list(_public_rows(folder))
    strangers = {name: _strangers(row["context"] for each, row in rows if each == name) for name in PUBLIC_SETS}
    seen: set[str] = set()
    for name, row in rows:
        text, claim = row["context"], row["answer"]
        needed = _needed(name, row)
        if int(row["label"]) == 1:
            for wrong in _wrong(claim, sentences_of(text), rng):
                yield Pair(f"{name} altered", text, wrong, _evidence(wrong, text), 0)
            if needed:
                yield Pair(f"{name} altered", text, claim, _evidence(claim, text, without=needed), 0)
        if needed:
            yield Pair(f"{name} altered", text, claim, " ".join(" ".join(needed).split()[:_MADE_EVIDENCE_WORDS]), int(row["label"]))
        if text not in seen and name != "begin_wow":
            seen.add(text)
            yield from _from_sentences(f"{name} sentences", text, strangers[name], rng, n=1)


def _needed(name: str, row: dict[str, Any]) -> list[str]:
    """Return the sentences that people marked as the evidence of a claim, where the set says so and the text has them."""
    if name == "scifact":
        marked: list[str] = row.get("evidence_sentences") or []
        return [sentence for sentence in sentences_of(row["context"]) if any(sentence in each or each in sentence for each in marked)]
    return []
