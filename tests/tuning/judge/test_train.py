"""Training in an order that is always the same, and going on after an interruption as if there had been none."""

import json
import time
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch

from tuning.judge import train as training
from tuning.judge.cross_encoder import CrossEncoder, encoded, load_tokenizer
from tuning.judge.pairs import Pair
from tuning.judge.train import Plan, batches, learning_rate, logits, train

LABELLED = [Pair("scifact", f"group {n}", f"The pump runs for {n} hours.", f"It ran for {n} hours.", n % 2) for n in range(10)]
MADE = [Pair("xquad", f"group {n}", f"The office has {n} staff.", f"There are {n} people.", n % 2) for n in range(10)]
PLAN = Plan(made_steps=2, mixed_steps=2, made_share=0.5, batch=4)


class Interrupted(Exception):
    pass


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(steps, out, *, pause_while=None, save_every_s=-1.0):
    out.mkdir(exist_ok=True)
    return train(steps, PLAN, out, pause_while=pause_while, save_every_s=save_every_s)


def test_made_pairs_come_first_and_then_both():
    steps = batches(LABELLED, MADE, PLAN)
    sources = [{pair.source for pair in step} for step in steps]
    assert sources[:2] == [{"xquad"}] * 2
    assert sorted(sources[2:], key=str) == [{"scifact"}, {"xquad"}]
    assert steps == batches(LABELLED, MADE, PLAN)


def test_every_pair_is_used_before_one_is_used_again():
    steps = batches(LABELLED, MADE, Plan(made_steps=3, mixed_steps=0, batch=4))
    assert sorted(pair.claim for step in steps for pair in step) == sorted(pair.claim for pair in MADE)


def test_the_rate_rises_then_falls_and_never_reaches_nothing():
    rates = [learning_rate(step, 100, Plan()) for step in range(100)]
    assert rates[0] < rates[5] == max(rates) <= Plan().learning_rate
    assert all(later <= earlier for earlier, later in pairwise(rates[6:]))
    assert rates[-1] > 0


def test_an_interrupted_training_gives_the_same_weights(tmp_path, monkeypatch):
    steps = batches(LABELLED, MADE, PLAN)
    whole = trained(steps, tmp_path / "whole").state_dict()
    step, calls = training._step, []

    def fails_at_the_third(*args):
        calls.append(args)
        if len(calls) == 3:
            raise Interrupted
        return step(*args)

    monkeypatch.setattr(training, "_step", fails_at_the_third)
    with pytest.raises(Interrupted):
        trained(steps, tmp_path / "parts")
    assert not (tmp_path / "parts/weights.pt").exists()
    resumed = trained(steps, tmp_path / "parts").state_dict()
    assert len(calls) == 5
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert all(torch.equal(whole[name], value) for name, value in torch.load(tmp_path / "parts/weights.pt", weights_only=True).items())


def test_what_is_frozen_stays_and_the_rest_learns(tmp_path):
    before = CrossEncoder().state_dict()
    after = trained(batches(LABELLED, MADE, PLAN), tmp_path / "run").state_dict()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert not [name for name in changed if "embeddings" in name or "layer.0." in name or "layer.1." in name]
    assert any("layer.2." in name for name in changed)
    assert any("meeting" in name for name in changed)


def test_another_plan_does_not_go_on_from_this_one(tmp_path):
    steps = batches(LABELLED, MADE, PLAN)
    trained(steps, tmp_path / "run")
    with pytest.raises(SystemExit, match="another plan"):
        train(steps, Plan(made_steps=1), tmp_path / "run", pause_while=None, save_every_s=60)


def test_it_waits_while_the_file_is_there(tmp_path, monkeypatch):
    pause = tmp_path / "stop"
    pause.touch()
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        pause.unlink()

    # The module's own name: threads of libraries sleep by the clock that everybody has.
    monkeypatch.setattr(training, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic, process_time=time.process_time))
    trained(batches(LABELLED, MADE, PLAN), tmp_path / "run", pause_while=pause)
    assert len(waited) == 1


def test_the_log_says_where_it_is(tmp_path):
    plan = Plan(made_steps=25, mixed_steps=0, batch=1)
    train(batches(LABELLED, MADE, plan), plan, tmp_path, pause_while=None, save_every_s=60)
    (record,) = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text("utf-8").splitlines()]
    assert (record["step"], record["of"]) == (25, 25)
    assert 0 < record["loss"] < 2


def test_a_pair_has_the_same_logit_alone_and_beside_longer_ones():
    model, tokenizer = CrossEncoder(), load_tokenizer()
    short, long = LABELLED[0], Pair("x", "g", "The pump runs.", "A very long text. " * 100, 0)
    alone = logits(model, tokenizer, [short])
    assert logits(model, tokenizer, [long, short])[1] == pytest.approx(alone[0], abs=0.02)  # bfloat16


def test_a_word_meets_only_words_of_the_other_text():
    model, tokenizer = CrossEncoder(), load_tokenizer()
    batch = encoded(tokenizer, ["pump pump", "a b"], ["filter", "c d e f"])
    seen = []
    model.meeting.register_forward_pre_hook(lambda _, args: seen.append(args[2]))
    model.eval()(batch)
    (may_meet,) = seen
    assert may_meet[0].nonzero().tolist() == [[1, 4], [2, 4], [4, 1], [4, 2]]
