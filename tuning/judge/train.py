"""Train the cross-encoder on pairs that people labelled and pairs made by rule; it can be stopped and goes on where it was.

    python -m tuning.judge.train --data DIR --out FOLDER

DIR holds wice, begin_wow, scifact, fool_me_twice, xquad/en and inscit as docs/judge.md names them. FOLDER gets ``state.pt`` every few
minutes, ``log.jsonl``, and at the end ``weights.pt``. Two runs with the same seed and number of threads on the same machine give the
same weights.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import PreTrainedTokenizerBase

from tuning.judge.cross_encoder import CrossEncoder, encoded, load_tokenizer
from tuning.judge.pairs import Pair, balanced, is_held_out, made_pairs, public_pairs

_REPEATS = {"wice": 3, "begin_wow": 2, "scifact": 1, "fool_me_twice": 1}
_BUCKET_NOISE_CHARS = 80
_LABEL_SMOOTHING = 0.04


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train: first ``made_steps`` on made pairs alone, then ``mixed_steps`` on labelled pairs with some made ones among them."""

    seed: int = 20_261
    n_made: int = 6_400
    made_steps: int = 300
    mixed_steps: int = 550
    made_share: float = 0.15
    batch: int = 16
    learning_rate: float = 1.5e-4
    warm_up: float = 0.06


def batches(labelled: Sequence[Pair], made: Sequence[Pair], plan: Plan) -> list[list[Pair]]:
    """Return every step's batch, in order: pairs of like length together, every pair used before one is used again."""
    rng = random.Random(plan.seed)  # noqa: S311  # examples, not secrets
    weighted = [pair for pair in labelled for _ in range(_REPEATS[pair.source])]
    mixed_made = round(plan.mixed_steps * plan.made_share)
    made_batches = _endless(made, plan.made_steps + mixed_made, plan.batch, rng)
    mixed = _endless(weighted, plan.mixed_steps - mixed_made, plan.batch, rng) + made_batches[plan.made_steps :]
    rng.shuffle(mixed)
    return made_batches[: plan.made_steps] + mixed


def _endless(pairs: Sequence[Pair], n: int, size: int, rng: random.Random) -> list[list[Pair]]:
    result: list[list[Pair]] = []
    while len(result) < n:
        lengths = {index: len(pair.claim) + len(pair.evidence) + rng.random() * _BUCKET_NOISE_CHARS for index, pair in enumerate(pairs)}
        order = [pairs[index] for index in sorted(lengths, key=lambda index: lengths[index])]
        epoch = [order[start : start + size] for start in range(0, len(order), size)]
        rng.shuffle(epoch)
        result += epoch
    return result[:n]


def learning_rate(step: int, n_steps: int, plan: Plan) -> float:
    """Return the rate of a step: rising to ``plan.learning_rate``, then falling in a line to a fiftieth of it."""
    return plan.learning_rate * min(1.0, (step + 1) / (plan.warm_up * n_steps), max(0.02, 1 - step / n_steps))


def train(steps: Sequence[Sequence[Pair]], plan: Plan, out: Path, *, pause_while: Path | None, save_every_s: float) -> CrossEncoder:
    """Return the trained model; goes on from ``out/state.pt`` where there is one."""
    torch.manual_seed(plan.seed)
    tokenizer, model = load_tokenizer(), CrossEncoder()
    optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=plan.learning_rate, weight_decay=0.01)
    first = _resume(out / "state.pt", model, optimizer, plan)
    saved_at, losses = time.monotonic(), [0.0]
    model.train()
    for step in range(first, len(steps)):
        while pause_while and pause_while.exists():
            time.sleep(2)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, len(steps), plan)
        losses.append(_step(model, tokenizer, optimizer, steps[step]))
        if (step + 1) % 25 == 0:
            _log(out, {"step": step + 1, "of": len(steps), "loss": sum(losses[-25:]) / 25, "cpu_s": time.process_time()})
        if time.monotonic() - saved_at > save_every_s:
            _save(out / "state.pt", _state(model, optimizer, plan, step + 1))
            saved_at = time.monotonic()
    _save(out / "weights.pt", model.state_dict())
    return model.eval()


def logits(model: CrossEncoder, tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Pair], *, batch: int = 32) -> list[float]:
    """Return a logit per pair, in their order."""
    order = sorted(range(len(pairs)), key=lambda index: len(pairs[index].claim) + len(pairs[index].evidence))
    result = [0.0] * len(pairs)
    model.eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            values = model(encoded(tokenizer, [pairs[index].claim for index in chosen], [pairs[index].evidence for index in chosen]))
            for index, value in zip(chosen, values.float().tolist(), strict=True):
                result[index] = value
    return result


def _step(model: CrossEncoder, tokenizer: PreTrainedTokenizerBase, optimizer: torch.optim.Optimizer, pairs: Sequence[Pair]) -> float:
    labels = torch.tensor([float(pair.label) for pair in pairs]) * (1 - _LABEL_SMOOTHING) + _LABEL_SMOOTHING / 2
    with torch.autocast("cpu", torch.bfloat16):
        values = model(encoded(tokenizer, [pair.claim for pair in pairs], [pair.evidence for pair in pairs]))
    loss = binary_cross_entropy_with_logits(values.float(), labels)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def _state(model: CrossEncoder, optimizer: torch.optim.Optimizer, plan: Plan, step: int) -> dict[str, Any]:
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        "random": torch.get_rng_state(),
        "plan": asdict(plan),
    }


def _resume(path: Path, model: CrossEncoder, optimizer: torch.optim.Optimizer, plan: Plan) -> int:
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    if state["plan"] != asdict(plan):
        sys.exit(f"{path} belongs to another plan: {state['plan']}. Give another --out, or take it away.")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
    return int(state["step"])


def _save(path: Path, content: Any) -> None:
    """Write a file that is whole or not there."""
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    partial.replace(path)


def _log(out: Path, record: dict[str, float]) -> None:
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(record) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--examples", type=Path, default=Path(__file__).parents[2] / "examples", help="the sample handbook's folder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pause-while", type=Path, help="wait while this file exists")
    parser.add_argument("--save-every-s", type=float, default=180)
    parser.add_argument("--made-steps", type=int, default=Plan().made_steps)
    parser.add_argument("--mixed-steps", type=int, default=Plan().mixed_steps)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    chosen.out.mkdir(parents=True, exist_ok=True)
    plan = Plan(made_steps=chosen.made_steps, mixed_steps=chosen.mixed_steps)
    labelled = [pair for pair in public_pairs(chosen.data) if not is_held_out(pair)]
    made = [pair for pair in made_pairs(chosen.data, chosen.examples, seed=plan.seed) if not is_held_out(pair)]
    steps = batches(labelled, balanced(made, n=plan.n_made, seed=plan.seed), plan)
    train(steps, plan, chosen.out, pause_while=chosen.pause_while, save_every_s=chosen.save_every_s)


if __name__ == "__main__":
    main()
