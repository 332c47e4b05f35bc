"""Compare the trained cross-encoder with LocalJudge, alone and together with LocalJudge's features in one logistic regression.

    python -m bench.judge_cross_encoder --data DIR --weights FILE validate    on the quarter of the training splits that was held out
    python -m bench.judge_cross_encoder --data DIR --weights FILE score       keeps the test splits' scores, prints none
    python -m bench.judge_cross_encoder --data DIR --weights FILE test        on the test splits, once, when everything is chosen

``--vectors FILE`` keeps the sentences' vectors between runs. All that has to be chosen (which of the candidates, its weights, its
threshold) is fitted on the held-out quarter; ``test`` only applies it. Differences to LocalJudge have paired 95 % intervals by bootstrap
over cases.

Said beforehand: a candidate replaces LocalJudge where on the test splits the mean difference of balanced accuracy lies above 0 with its
whole interval, no set's difference lies below 0 with its whole interval, and no kind of altered sentence is called supported more often.
"""

import argparse
import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from bench.judge import (
    FIT_SPLITS,
    N_RESAMPLES,
    PROBE,
    SEED,
    TEST_SPLITS,
    Figure,
    Pair,
    altered_pairs,
    as_list,
    auroc,
    balanced_accuracy,
    features_of,
    read_pairs,
)
from bench.public_data import add_data_option
from bench.remembered_vectors import RememberingEmbedder
from footnote.core.settings import EmbedderSettings
from retrieval.embedder.factory import create_embedder
from serving.judge.calibration import load_calibration
from serving.judge.features import FEATURES
from serving.judge.local import LocalJudge
from tuning.judge.cross_encoder import CrossEncoder, load_tokenizer
from tuning.judge.evidence import best_sentences, sentences_of
from tuning.judge.pairs import PUBLIC_SETS, is_held_out
from tuning.judge.pairs import Pair as TrainingPair
from tuning.judge.train import logits

Floats = NDArray[np.float64]
GRID = np.linspace(0.05, 0.95, 181)
N_FOLDS = 10
N_GROUPS = 2
EXCHANGES = ("name_exchanged", "number_exchanged", "negation_added", "negation_dropped", "opposite_said")
VETO_SAMENESS = 0.3
VETO_LOGIT = 6.0


@dataclass(frozen=True, slots=True)
class Scored:
    """One set's pairs with what each judge says of them.

    ``features`` has shape (n, len(FEATURES)), ``first`` and ``both`` shape (n,): the cross-encoder's logit of the nearest
    sentences, and the higher one of these and of the next nearest.
    """

    labels: NDArray[np.int64]
    kinds: tuple[str, ...]
    features: Floats
    local: Floats
    first: Floats
    both: Floats


CANDIDATES: dict[str, Callable[[Scored], Floats]] = {
    "cross-encoder alone": lambda s: s.first[:, None],
    "cross-encoder, two groups": lambda s: s.both[:, None],
    "local-1 and cross-encoder": lambda s: np.column_stack([logit(s.local), s.first]),
    "local-1 and cross-encoder, two groups": lambda s: np.column_stack([logit(s.local), s.both]),
    "features and cross-encoder": lambda s: np.column_stack([s.features, s.first]),
    "cross-encoder, vetoed": lambda s: vetoed(s, s.first)[:, None],
    "local-1 and cross-encoder, vetoed": lambda s: np.column_stack([logit(s.local), vetoed(s, s.first)]),
    "features and cross-encoder, vetoed": lambda s: np.column_stack([s.features, vetoed(s, s.first)]),
    "features and both": lambda s: np.column_stack([s.features, s.first, s.both]),
}


def vetoed(part: Scored, logits_of: Floats) -> Floats:
    """Return the logits, far lower where LocalJudge sees a near copy in which something was exchanged, denied or turned round."""
    exchanged = part.features[:, [FEATURES.index(name) for name in EXCHANGES]].max(axis=1)
    return np.where(exchanged >= VETO_SAMENESS, -VETO_LOGIT, logits_of)


def logit(probability: Floats) -> Floats:
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped))


def groups(claim: str, context: str, *, n: int) -> list[str]:
    """Return up to n groups of sentences, the nearest ones, the next nearest and so on, each as one text."""
    rest = sentences_of(context)
    result: list[str] = []
    for _ in range(n):
        if not rest:
            break
        chosen = best_sentences(claim, rest)
        result.append(chosen)
        rest = [sentence for sentence in rest if " ".join(sentence.split())[:60] not in chosen]
    return result or [""]


async def scored(judge: LocalJudge, model: CrossEncoder, pairs: Sequence[Pair], *, n_groups: int = N_GROUPS) -> Scored:
    features = await features_of(judge, pairs)
    calibration = load_calibration()
    parts = [groups(pair.claim, pair.context, n=n_groups) for pair in pairs]
    flat = [TrainingPair("", "", pair.claim, text, 0) for pair, texts in zip(pairs, parts, strict=True) for text in texts]
    values = iter(logits(model, load_tokenizer(), flat))
    by_group = [[next(values) for _ in texts] for texts in parts]
    return Scored(
        labels=np.array([pair.label for pair in pairs]),
        kinds=tuple(pair.kind for pair in pairs),
        features=features,
        local=np.array([calibration.score(row) for row in features]),
        first=np.array([each[0] for each in by_group]),
        both=np.array([max(each) for each in by_group]),
    )


# ---------------------------------------------------------------------------------------------------------------------------- choice


@dataclass(frozen=True, slots=True)
class Combination:
    """A logistic regression over a candidate's columns, and the threshold that goes with it."""

    columns: Callable[[Scored], Floats]
    means: Floats
    deviations: Floats
    weights: Floats
    intercept: float
    threshold: float

    def scores(self, part: Scored) -> Floats:
        values = self.intercept + ((self.columns(part) - self.means) / self.deviations) @ self.weights
        return 1 / (1 + np.exp(-values))


def fitted(columns: Callable[[Scored], Floats], sets: dict[str, Scored]) -> Combination:
    """Return the regression in which each set weighs the same, and in it supported and unsupported; one threshold for all."""
    matrix = np.vstack([columns(part) for part in sets.values()])
    labels = np.concatenate([part.labels for part in sets.values()])
    weights = np.concatenate([balance(part.labels) * weight_of(name) for name, part in sets.items()])
    means, deviations = matrix.mean(axis=0), matrix.std(axis=0) + 1e-9
    model = LogisticRegression(C=1.0, max_iter=5_000).fit((matrix - means) / deviations, labels, sample_weight=weights * len(labels))
    plain = Combination(columns, means, deviations, model.coef_[0], float(model.intercept_[0]), 0.5)
    scores = {name: plain.scores(part) for name, part in sets.items()}
    gains = [
        sum(weight_of(name) * balanced_accuracy(part.labels, scores[name] >= threshold) for name, part in sets.items())
        for threshold in GRID
    ]
    smooth = np.convolve(gains, np.ones(11) / 11, mode="same")
    smooth[:6] = smooth[-6:] = 0
    threshold = float(GRID[int(np.argmax(smooth))])
    return Combination(columns, means, deviations, model.coef_[0], float(model.intercept_[0]), threshold)


def weight_of(name: str) -> float:
    return 0.5 if name == "altered" else 1.0


def balance(labels: NDArray[np.int64]) -> Floats:
    share = labels.mean()
    return np.where(labels == 1, 0.5 / share, 0.5 / (1 - share)) / len(labels)


def subset(part: Scored, chosen: NDArray[np.bool_]) -> Scored:
    kinds = tuple(kind for kind, keep in zip(part.kinds, chosen, strict=True) if keep)
    return Scored(part.labels[chosen], kinds, part.features[chosen], part.local[chosen], part.first[chosen], part.both[chosen])


def out_of_fold(columns: Callable[[Scored], Floats], sets: dict[str, Scored]) -> dict[str, Floats]:
    """Return each pair's score less the threshold, by a regression fitted on the other folds."""
    rng = np.random.default_rng(SEED)
    folds = {name: rng.integers(0, N_FOLDS, len(part.labels)) for name, part in sets.items()}
    result = {name: np.zeros(len(part.labels)) for name, part in sets.items()}
    for fold in range(N_FOLDS):
        rest = fitted(columns, {name: subset(part, folds[name] != fold) for name, part in sets.items()})
        for name, part in sets.items():
            held_out = folds[name] == fold
            result[name][held_out] = rest.scores(subset(part, held_out)) - rest.threshold
    return result


# --------------------------------------------------------------------------------------------------------------------------- figures


def difference(labels: NDArray[np.int64], ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> Figure:
    rng = np.random.default_rng(SEED)
    draws = [rng.integers(0, len(labels), len(labels)) for _ in range(N_RESAMPLES)]
    values = [balanced_accuracy(labels[d], ours[d]) - balanced_accuracy(labels[d], theirs[d]) for d in draws]
    low, high = np.percentile(values, [2.5, 97.5])
    return Figure(balanced_accuracy(labels, ours) - balanced_accuracy(labels, theirs), float(low), float(high))


def mean_difference(sets: dict[str, tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]]) -> Figure:
    """Return the difference, averaged over sets; each set is drawn from anew by itself."""
    rng = np.random.default_rng(SEED)

    def one(draw: bool) -> float:
        gains = []
        for labels, ours, theirs in sets.values():
            d = rng.integers(0, len(labels), len(labels)) if draw else np.arange(len(labels))
            gains.append(balanced_accuracy(labels[d], ours[d]) - balanced_accuracy(labels[d], theirs[d]))
        return float(np.mean(gains))

    low, high = np.percentile([one(draw=True) for _ in range(N_RESAMPLES)], [2.5, 97.5])
    return Figure(one(draw=False), float(low), float(high))


def report(name: str, sets: dict[str, Scored], margins: dict[str, Floats], threshold: float) -> dict[str, object]:
    """Print one judge's figures beside LocalJudge's; ``margins`` are scores less the threshold."""
    result: dict[str, object] = {}
    compared = {}
    print(f"\n{name}\n| set | n | AUROC | local-1 | balanced accuracy | local-1 | difference |\n" + "|---" * 7 + "|")
    for key, part in sets.items():
        ours, theirs = margins[key] >= 0, part.local >= threshold
        delta = difference(part.labels, ours, theirs)
        row = (auroc(part.labels, margins[key]), auroc(part.labels, part.local))
        accuracies = (balanced_accuracy(part.labels, ours), balanced_accuracy(part.labels, theirs))
        print(f"| {key} | {len(part.labels)} | {row[0]:.3f} | {row[1]:.3f} | {accuracies[0]:.3f} | {accuracies[1]:.3f} | {delta} |")
        result[key] = {"auroc": row, "balanced_accuracy": accuracies, "difference": as_list(delta)}
        if key != "altered":
            compared[key] = (part.labels, ours, theirs)
        else:
            for kind in dict.fromkeys(part.kinds):
                of_kind = np.array(part.kinds) == kind
                print(f"    {kind}: called supported {ours[of_kind].mean():.3f}, local-1 {theirs[of_kind].mean():.3f}")
    mean = mean_difference(compared)
    print(f"mean difference over the public sets: {mean}")
    result["mean_difference"] = as_list(mean)
    return result


def held_out_pairs(folder: Path) -> dict[str, list[Pair]]:
    return {
        name: [
            pair for pair in read_pairs(folder, name, split) if is_held_out(TrainingPair(name, pair.context, pair.claim, "", pair.label))
        ]
        for name, (_, split) in PUBLIC_SETS.items()
    }


def test_pairs(folder: Path) -> dict[str, list[Pair]]:
    return {name: read_pairs(folder, name, split) for name, split in TEST_SPLITS.items()}


async def scored_sets(
    judge: LocalJudge, model: CrossEncoder, chosen: dict[str, list[Pair]], kept: Path | None, *, n_groups: int = N_GROUPS
) -> dict[str, Scored]:
    """Return the sets and the altered sentences of their contexts, scored, or what an earlier run kept of that."""
    if kept and kept.is_file():
        with np.load(kept) as stored:
            return {name: read_scored(stored, name) for name in [*chosen, "altered"]}
    chosen = {**chosen, "altered": [pair for name in FIT_SPLITS for pair in altered_pairs(chosen[name])]}
    sets = {name: await scored(judge, model, pairs, n_groups=n_groups) for name, pairs in chosen.items()}
    if kept:
        np.savez(kept, **{f"{name}.{field}": np.array(value) for name, part in sets.items() for field, value in asdict(part).items()})
    return sets


def read_scored(stored: Mapping[str, NDArray[Any]], name: str) -> Scored:
    kinds = tuple(str(kind) for kind in stored[f"{name}.kinds"])
    numbers = {field: stored[f"{name}.{field}"] for field in ("labels", "features", "local", "first", "both")}
    return Scored(kinds=kinds, **numbers)


async def probed(judge: LocalJudge, model: CrossEncoder, combination: Combination) -> int:
    """Return of how many hand-written cases both claims were judged right; prints the ones that were not."""
    cases = [json.loads(line) for line in PROBE.read_text(encoding="utf-8").splitlines()]
    pairs = [Pair(case["passage"], case[key], 0, key) for case in cases for key in ("supported", "altered")]
    verdicts = combination.scores(await scored(judge, model, pairs)) >= combination.threshold
    right = [bool(verdicts[2 * n] and not verdicts[2 * n + 1]) for n in range(len(cases))]
    for case, both_right, first, second in zip(cases, right, verdicts[::2], verdicts[1::2], strict=True):
        if not both_right:
            print(f"    probe missed: {case['kind']}, supported {bool(first)}, altered {bool(second)}")
    return sum(right)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["score", "validate", "test"])
    add_data_option(parser)
    parser.add_argument("--weights", type=Path, required=True, help="weights.pt or state.pt of tuning.judge.train")
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--groups", type=int, default=N_GROUPS, help="of sentences on the test splits; 1 where the candidate needs no more")
    parser.add_argument("--kept", type=Path, help="folder that keeps what was scored between runs")
    parser.add_argument("--candidate", choices=list(CANDIDATES), help="for test: the one that was chosen by validate")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def kept_of(chosen: argparse.Namespace, name: str) -> Path | None:
    return chosen.kept / name if chosen.kept else None


async def main(chosen: argparse.Namespace) -> None:
    model = CrossEncoder()
    state = torch.load(chosen.weights, weights_only=True)
    model.load_state_dict(state.get("model", state))
    embedder = RememberingEmbedder(await create_embedder(EmbedderSettings()), file=chosen.vectors)
    judge = LocalJudge(embedder)
    try:
        if chosen.command == "score":
            await scored_sets(judge, model, test_pairs(chosen.data), kept_of(chosen, "test.npz"), n_groups=chosen.groups)
            return
        held_out = await scored_sets(judge, model, held_out_pairs(chosen.data), kept_of(chosen, "held-out.npz"))
        if chosen.command == "validate":
            for name, columns in CANDIDATES.items():
                report(name, held_out, out_of_fold(columns, held_out), judge.threshold)
                print("    probe:", await probed(judge, model, fitted(columns, held_out)), "of 20")
            return
        combination = fitted(CANDIDATES[chosen.candidate], held_out)
        sets = await scored_sets(judge, model, test_pairs(chosen.data), kept_of(chosen, "test.npz"), n_groups=chosen.groups)
        margins = {name: combination.scores(part) - combination.threshold for name, part in sets.items()}
        figures = report(chosen.candidate, sets, margins, judge.threshold)
        print("probe:", await probed(judge, model, combination), "of 20; threshold", combination.threshold, combination.weights)
        if chosen.json:
            chosen.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    finally:
        await embedder.close()


if __name__ == "__main__":
    asyncio.run(main(options()))
