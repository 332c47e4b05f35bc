import pytest
import torch

from serving.generator.sampling import draw_token

LOGITS = torch.log(torch.tensor([0.1, 0.5, 0.15, 0.25]))


def draws(n, *, seed=0, temperature=1.0, top_p=1.0):
    random = torch.Generator().manual_seed(seed)
    return [draw_token(LOGITS, temperature=temperature, top_p=top_p, random=random) for _ in range(n)]


def test_temperature_zero_takes_the_likeliest_and_the_first_of_equals():
    assert draws(3, temperature=0.0) == [1, 1, 1]
    assert draw_token(torch.tensor([1.0, 2.0, 2.0]), temperature=0, top_p=1, random=torch.Generator()) == 1


@pytest.mark.parametrize("temperature", [1e-4, 1e-6, 1e-42, 5e-324])
def test_the_faintest_warmth_takes_the_likeliest(temperature):
    assert draws(3, temperature=temperature) == [1, 1, 1]


def test_a_seed_repeats_the_draws():
    assert draws(50, seed=7) == draws(50, seed=7) != draws(50, seed=8)


def test_draws_follow_the_probabilities():
    drawn = draws(4000)
    assert [drawn.count(token) / 4000 for token in range(4)] == pytest.approx([0.1, 0.5, 0.15, 0.25], abs=0.03)


def test_the_nucleus_is_the_fewest_tokens_that_reach_top_p():
    assert set(draws(500, top_p=0.7)) == {1, 3}
    assert set(draws(500, top_p=0.76)) == {1, 2, 3}
    assert set(draws(100, top_p=0.01)) == {1}


def test_heat_flattens():
    assert draws(2000, temperature=5.0).count(1) < draws(2000, temperature=1.0).count(1) < draws(2000, temperature=0.3).count(1)
