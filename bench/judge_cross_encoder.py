"""Compare the trained cross-encoder with LocalJudge, alone and together with LocalJudge's features in one logistic regression.

    python -m bench.judge_cross_encoder --data DIR --weights FILE validate    on the quarter of the training splits that was held out
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

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
    "features and both": lambda s: np.column_stack([s.features, s.first, s.both]),
}


def logit(probability: Floats) -> Floats:
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped))


def groups(claim: str, context: str) -> list[str]:
    """Return the nearest sentences and, where the context has more, the next nearest ones, each group as one text."""
    rest = sentences_of(context)
    result: list[str] = []
    for _ in range(N_GROUPS):
        if not rest:
            break
        chosen = best_sentences(claim, rest)
        result.append(chosen)
        rest = [sentence for sentence in rest if " ".join(sentence.split())[:60] not in chosen]
    return result or [""]


async def scored(judge: LocalJudge, model: CrossEncoder, pairs: Sequence[Pair]) -> Scored:
    features = await features_of(judge, pairs)
    calibration = load_calibration()
    parts = [groups(pair.claim, pair.context) for pair in pairs]
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


async def held_out_sets(judge: LocalJudge, model: CrossEncoder, folder: Path) -> dict[str, Scored]:
    chosen = {
        name: [
            pair for pair in read_pairs(folder, name, split) if is_held_out(TrainingPair(name, pair.context, pair.claim, "", pair.label))
        ]
        for name, (_, split) in PUBLIC_SETS.items()
    }
    sets = {name: await scored(judge, model, pairs) for name, pairs in chosen.items()}
    sets["altered"] = await scored(judge, model, [pair for name in FIT_SPLITS for pair in altered_pairs(chosen[name])])
    return sets


async def test_sets(judge: LocalJudge, model: CrossEncoder, folder: Path) -> dict[str, Scored]:
    chosen = {name: read_pairs(folder, name, split) for name, split in TEST_SPLITS.items()}
    sets = {name: await scored(judge, model, pairs) for name, pairs in chosen.items()}
    sets["altered"] = await scored(judge, model, [pair for name in FIT_SPLITS for pair in altered_pairs(chosen[name])])
    return sets


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
    parser.add_argument("command", choices=["validate", "test"])
    add_data_option(parser)
    parser.add_argument("--weights", type=Path, required=True, help="weights.pt or state.pt of tuning.judge.train")
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--candidate", choices=list(CANDIDATES), help="for test: the one that was chosen by validate")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


async def main(chosen: argparse.Namespace) -> None:
    model = CrossEncoder()
    state = torch.load(chosen.weights, weights_only=True)
    model.load_state_dict(state.get("model", state))
    embedder = RememberingEmbedder(await create_embedder(EmbedderSettings()), file=chosen.vectors)
    judge = LocalJudge(embedder)
    try:
        held_out = await held_out_sets(judge, model, chosen.data)
        if chosen.command == "validate":
            for name, columns in CANDIDATES.items():
                report(name, held_out, out_of_fold(columns, held_out), judge.threshold)
                print("    probe:", await probed(judge, model, fitted(columns, held_out)), "of 20")
            return
        combination = fitted(CANDIDATES[chosen.candidate], held_out)
        sets = await test_sets(judge, model, chosen.data)
        margins = {name: combination.scores(part) - combination.threshold for name, part in sets.items()}
        figures = report(chosen.candidate, sets, margins, judge.threshold)
        print("probe:", await probed(judge, model, combination), "of 20; threshold", combination.threshold, combination.weights)
        if chosen.json:
            chosen.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    finally:
        await embedder.close()


if __name__ == "__main__":
    asyncio.run(main(options()))
