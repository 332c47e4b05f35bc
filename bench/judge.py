"""Fit LocalJudge's calibration, and measure it on splits that it was not fitted to.

    python -m bench.judge --data DIR fit        writes serving/judge/calibration.json
    python -m bench.judge --data DIR measure    prints a table; --json FILE keeps the figures

DIR holds wice/examples.jsonl.gz, begin_wow/examples.jsonl.gz, scifact/claim_examples.jsonl.gz and fool_me_twice/examples.jsonl.gz, lines
with ``split``, ``context``, ``answer`` and ``label`` (1: the context supports the answer; partly supported is 0). By default DIR is
what ``FOOTNOTE_BENCH_DATA`` names. Some ten minutes each on two cores.
"""

import argparse
import asyncio
import gzip
import hashlib
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from bench.altered_claims import Kind, altered_claims
from bench.remembered_vectors import RememberingEmbedder
from footnote.core.settings import EmbedderSettings
from footnote.core.types import Passage
from retrieval.embedder.factory import create_embedder
from retrieval.embedder.port import Embedder
from serving.judge.calibration import CALIBRATION_FILE, Calibration, Weight, save_calibration
from serving.judge.features import FEATURES
from serving.judge.local import LocalJudge

FILES = {
    "wice": "wice/examples.jsonl.gz",
    "begin_wow": "begin_wow/examples.jsonl.gz",
    "scifact": "scifact/claim_examples.jsonl.gz",
    "fool_me_twice": "fool_me_twice/examples.jsonl.gz",
}
FIT_SPLITS = {"wice": "dev", "begin_wow": "dev", "scifact": "train"}
TEST_SPLITS = {"wice": "test", "begin_wow": "test", "scifact": "test", "fool_me_twice": "test"}
ALTERED_WEIGHT = 0.25
"""What the altered claims weigh beside each public set, which weighs 1: more costs balanced accuracy there (docs/judge.md)."""
SEED = 20_261
N_FOLDS = 5
N_RESAMPLES = 2_000
GRID = np.linspace(0.2, 0.8, 121)
GRID_SMOOTHING = 9
PROBE = Path(__file__).with_name("judge_probe.jsonl")
Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pair:
    """A claim, the text that it is about, whether the text supports it, and of what sort the claim is."""

    context: str
    claim: str
    label: int
    kind: str


@dataclass(frozen=True, slots=True)
class Examples:
    """One set to fit on: features, labels, and what each example weighs (sum 1 for a set of weight 1)."""

    features: Floats
    labels: Labels
    weights: Floats


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95 % interval by bootstrap over cases."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def read_pairs(folder: Path, name: str, split: str) -> list[Pair]:
    with gzip.open(folder / FILES[name], "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Pair(context=row["context"], claim=row["answer"], label=row["label"], kind=str(row.get("label_text") or row["label"]))
        for row in rows
        if row["split"] == split
    ]


def altered_pairs(pairs: Iterable[Pair]) -> list[Pair]:
    contexts = list(dict.fromkeys(pair.context for pair in pairs))
    return [Pair(context=a.context, claim=a.claim, label=a.label, kind=a.kind) for a in altered_claims(contexts, seed=SEED)]


def passage_of(text: str, *, n: int = 1) -> Passage:
    return Passage(
        n=n, file_id="file", filename="bench.txt", collection_id="bench", attachment_id="att", version_id="ver", chunk_ids=("chunk",),
        page=None, heading="", context="", start=0, end=len(text), text=text, score=0.0, similarity=0.0,
    )  # fmt: skip


async def features_of(judge: LocalJudge, pairs: Sequence[Pair]) -> Floats:
    """Return float64 of shape (len(pairs), len(FEATURES)), in the order of ``pairs``."""
    order = sorted(range(len(pairs)), key=lambda index: pairs[index].context)
    result = np.zeros((len(pairs), len(FEATURES)))
    for context, group in groupby(order, key=lambda index: pairs[index].context):
        indices = list(group)
        result[indices] = await judge.features([pairs[index].claim for index in indices], [passage_of(context)])
    return result


# ------------------------------------------------------------------------------------------------------------------------------- fit


async def fit(judge: LocalJudge, folder: Path) -> Calibration:
    chosen = {name: read_pairs(folder, name, split) for name, split in FIT_SPLITS.items()}
    sets = {name: await examples(judge, pairs) for name, pairs in chosen.items()}
    altered = [pair for pairs in chosen.values() for pair in altered_pairs(pairs)]
    sets["altered"] = await examples(judge, altered, weight=ALTERED_WEIGHT)
    print_out_of_fold(sets)
    hashes = {FILES[name]: hashlib.sha256((folder / FILES[name]).read_bytes()).hexdigest() for name in FIT_SPLITS}
    return calibrated(sets, hashes=hashes, embedder="all-MiniLM-L6-v2")


async def examples(judge: LocalJudge, pairs: Sequence[Pair], *, weight: float = 1.0) -> Examples:
    """Return pairs as examples: supported and unsupported weigh the same together, and among these each kind the same."""
    kinds = Counter((pair.label, pair.kind) for pair in pairs)
    n_kinds = Counter(label for label, kind in kinds if is_altered(kind))
    per_label = Counter(pair.label for pair in pairs)
    weights = [
        weight / 2 / (n_kinds[pair.label] * kinds[pair.label, pair.kind] if is_altered(pair.kind) else per_label[pair.label])
        for pair in pairs
    ]
    return Examples(await features_of(judge, pairs), np.array([pair.label for pair in pairs]), np.array(weights))


def is_altered(kind: str) -> bool:
    return kind in get_args(Kind)


def calibrated(sets: dict[str, Examples], *, hashes: dict[str, str], embedder: str) -> Calibration:
    features = np.vstack([part.features for part in sets.values()])
    labels = np.concatenate([part.labels for part in sets.values()])
    weights = np.concatenate([part.weights for part in sets.values()])
    means, deviations = features.mean(axis=0), features.std(axis=0)
    model = LogisticRegression(C=1.0, max_iter=5_000)
    model.fit((features - means) / deviations, labels, sample_weight=weights * len(labels) / weights.sum())
    columns = zip(FEATURES, means, deviations, model.coef_[0], strict=True)
    unset = Calibration(
        description="Logistic regression on wice (dev), begin_wow (dev) and scifact (train), each of weight 1, and on altered sentences of "
        f"their contexts, of weight {ALTERED_WEIGHT}; supported and unsupported weigh the same. Made by bench/judge.py: see docs/judge.md.",
        embedder=embedder,
        training_sha256=hashes,
        threshold=0.5,
        intercept=round(float(model.intercept_[0]), 4),
        weights={name: Weight(round(float(m), 4), round(float(d), 4), round(float(w), 4)) for name, m, d, w in columns},
    )
    return replace(unset, threshold=best_threshold(unset, sets))


def best_threshold(calibration: Calibration, sets: dict[str, Examples]) -> float:
    """Return the threshold with the highest weighted balanced accuracy over all sets, smoothed over neighbouring thresholds."""
    scores = {name: scored(calibration, part.features) for name, part in sets.items()}
    gains = [sum(weighted_accuracy(part, scores[name] >= threshold) for name, part in sets.items()) for threshold in GRID]
    margin = GRID_SMOOTHING // 2
    smooth = np.convolve(gains, np.ones(GRID_SMOOTHING) / GRID_SMOOTHING, mode="valid")
    return round(float(GRID[margin + int(np.argmax(smooth))]), 3)


def weighted_accuracy(part: Examples, predicted: NDArray[np.bool_]) -> float:
    return float(part.weights[predicted == (part.labels == 1)].sum())


def print_out_of_fold(sets: dict[str, Examples]) -> None:
    """Print figures on the training splits, each example scored by a model that has not seen it."""
    rng = np.random.default_rng(SEED)
    folds = {name: rng.integers(0, N_FOLDS, len(part.labels)) for name, part in sets.items()}
    scores = {name: np.zeros(len(part.labels)) for name, part in sets.items()}
    for fold in range(N_FOLDS):
        rest = {name: subset(part, folds[name] != fold) for name, part in sets.items()}
        calibration = calibrated(rest, hashes={}, embedder="")
        for name, part in sets.items():
            held_out = folds[name] == fold
            scores[name][held_out] = scored(calibration, part.features[held_out]) - calibration.threshold
    for name, part in sets.items():
        accuracy = balanced_accuracy(part.labels, scores[name] >= 0)
        print(f"out of fold: {name:12} AUROC {auroc(part.labels, scores[name]):.3f}, balanced accuracy {accuracy:.3f}")


def subset(part: Examples, chosen: NDArray[np.bool_]) -> Examples:
    return Examples(part.features[chosen], part.labels[chosen], part.weights[chosen])


def scored(calibration: Calibration, features: Floats) -> Floats:
    return np.array([calibration.score(row) for row in features])


# --------------------------------------------------------------------------------------------------------------------------- measure


async def measure(embedder: Embedder, unremembering: Embedder, folder: Path) -> dict[str, object]:
    judge = LocalJudge(embedder)
    report: dict[str, object] = {"judge": judge.name, "threshold": judge.threshold, "sets": {}, "altered": {}, "probe": [], "speed": {}}
    tests = {name: read_pairs(folder, name, split) for name, split in TEST_SPLITS.items()}
    print(f"{judge.name}, threshold {judge.threshold}\n")
    print("| set (test split) | n | supported | AUROC | balanced accuracy | recall of supported | of unsupported |\n" + "|---" * 7 + "|")
    report["sets"] = {name: measure_set(name, pairs, await scores_of(judge, pairs), judge.threshold) for name, pairs in tests.items()}
    altered = [pair for name in FIT_SPLITS for pair in altered_pairs(tests[name])]
    report["altered"] = measure_altered(altered, await scores_of(judge, altered), judge.threshold)
    report["probe"] = await measure_probe(judge)
    report["speed"] = await measure_speed(LocalJudge(unremembering), tests["wice"])
    return report


async def scores_of(judge: LocalJudge, pairs: Sequence[Pair]) -> Floats:
    """Return each pair's score as ``judge`` gives it, in the order of ``pairs``."""
    order = sorted(range(len(pairs)), key=lambda index: pairs[index].context)
    result = np.zeros(len(pairs))
    for context, group in groupby(order, key=lambda index: pairs[index].context):
        indices = list(group)
        judgements = await judge.judge([pairs[index].claim for index in indices], [passage_of(context)])
        result[indices] = [judgement.score for judgement in judgements]
    return result


def measure_set(name: str, pairs: Sequence[Pair], scores: Floats, threshold: float) -> dict[str, object]:
    labels = np.array([pair.label for pair in pairs])
    ranking = bootstrap(auroc, labels, scores)
    accuracy = bootstrap(lambda y, s: balanced_accuracy(y, s >= threshold), labels, scores)
    recall, specificity = float((scores[labels == 1] >= threshold).mean()), float((scores[labels == 0] < threshold).mean())
    print(f"| {name} | {len(pairs)} | {labels.mean():.2f} | {ranking} | {accuracy} | {recall:.2f} | {specificity:.2f} |")
    return {
        "n": len(pairs),
        "auroc": as_list(ranking),
        "balanced_accuracy": as_list(accuracy),
        "called_supported_by_label": called_supported(pairs, scores, threshold),
    }


def called_supported(pairs: Sequence[Pair], scores: Floats, threshold: float) -> dict[str, float]:
    kinds = np.array([pair.kind for pair in pairs])
    return {kind: round(float((scores[kinds == kind] >= threshold).mean()), 4) for kind in dict.fromkeys(kinds.tolist())}


def measure_altered(pairs: Sequence[Pair], scores: Floats, threshold: float) -> dict[str, float]:
    print("\n| altered sentences of the test contexts | n | called supported |\n|---|---|---|")
    shares = called_supported(pairs, scores, threshold)
    counts = Counter(pair.kind for pair in pairs)
    for kind, share in shares.items():
        print(f"| {kind} | {counts[kind]} | {share:.3f} |")
    return shares


async def measure_probe(judge: LocalJudge) -> list[dict[str, object]]:
    print("\n| probe | supported claim | altered claim | seen |\n|---|---|---|---|")
    rows: list[dict[str, object]] = []
    for line in PROBE.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        right, wrong = await judge.judge([case["supported"], case["altered"]], [passage_of(case["passage"])])
        seen = right.supported and not wrong.supported
        print(f"| {case['kind']}: {case['altered']} | {right.score:.2f} | {wrong.score:.2f} | {'yes' if seen else 'no'} |")
        rows.append({"kind": case["kind"], "supported": right.score, "altered": wrong.score, "seen": seen})
    print(f"\nboth right: {sum(bool(row['seen']) for row in rows)} of {len(rows)}")
    return rows


async def measure_speed(judge: LocalJudge, pairs: Sequence[Pair]) -> dict[str, float]:
    """Time one claim against five passages of about 150 tokens, their sentences embedded before."""
    milliseconds = []
    preparing = []
    for pair in pairs[:60]:
        text = pair.context[:3_000]
        passages = [passage_of(text[start : start + 600], n=start // 600 + 1) for start in range(0, len(text), 600)]
        started = time.perf_counter()
        await judge.prepare(passages)
        preparing.append((time.perf_counter() - started) * 1_000)
        started = time.perf_counter()
        await judge.judge([pair.claim], passages)
        milliseconds.append((time.perf_counter() - started) * 1_000)
    speed = {
        "prepare_ms": statistics.median(preparing),
        "claim_ms": statistics.median(milliseconds),
        "claim_p95_ms": float(np.percentile(milliseconds, 95)),
    }
    print("\nfive passages: prepare {prepare_ms:.0f} ms, a claim {claim_ms:.1f} ms (medians), p95 {claim_p95_ms:.1f} ms".format(**speed))
    return {name: round(value, 1) for name, value in speed.items()}


def auroc(labels: Labels, scores: Floats) -> float:
    return float(roc_auc_score(labels, scores))


def balanced_accuracy(labels: Labels, predicted: NDArray[np.bool_]) -> float:
    return float((predicted[labels == 1].mean() + (~predicted[labels == 0]).mean()) / 2)


def bootstrap(metric: Callable[[Labels, Floats], float], labels: Labels, scores: Floats) -> Figure:
    rng = np.random.default_rng(SEED)
    draws = (rng.integers(0, len(labels), len(labels)) for _ in range(N_RESAMPLES))
    low, high = np.percentile([metric(labels[draw], scores[draw]) for draw in draws], [2.5, 97.5])
    return Figure(value=metric(labels, scores), low=float(low), high=float(high))


def as_list(figure: Figure) -> list[float]:
    return [round(figure.value, 4), round(figure.low, 4), round(figure.high, 4)]


# --------------------------------------------------------------------------------------------------------------------------- command


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["fit", "measure"])
    parser.add_argument("--data", type=Path, default=os.environ.get("FOOTNOTE_BENCH_DATA"), help="folder with the public sets")
    parser.add_argument("--json", type=Path, help="where measure writes its figures")
    parser.add_argument("--vectors", type=Path, help="file (.npz) that keeps vectors between runs; without it each run embeds anew")
    chosen = parser.parse_args()
    if chosen.data is None:
        parser.error("--data or FOOTNOTE_BENCH_DATA is needed")
    return chosen


async def main(chosen: argparse.Namespace) -> None:
    own = await create_embedder(EmbedderSettings())
    embedder = RememberingEmbedder(own, file=chosen.vectors)
    try:
        if chosen.command == "fit":
            calibration = await fit(LocalJudge(embedder, calibration=unfitted()), chosen.data)
            save_calibration(calibration)
            print(f"threshold {calibration.threshold}; wrote {CALIBRATION_FILE.name}")
            return
        report = await measure(embedder, own, chosen.data)
        if chosen.json:
            chosen.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    finally:
        await embedder.close()


def unfitted() -> Calibration:
    """Return a calibration that says nothing: reading features needs none."""
    weights = {name: Weight(mean=0.0, deviation=1.0, weight=0.0) for name in FEATURES}
    return Calibration(description="none", embedder="none", training_sha256={}, threshold=0.5, intercept=0.0, weights=weights)


if __name__ == "__main__":
    asyncio.run(main(options()))
