import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.embedder.batching import TokenBudget, batch_end, batches, longest_first

lengths = st.lists(st.integers(0, 600), min_size=1, max_size=60)


@given(st.lists(st.integers(0, 600), max_size=60), st.integers(1, 5_000))
def test_batches_are_of_like_lengths_each_text_is_in_one_and_none_is_over_its_limit(lengths, max_tokens):
    found = list(batches(lengths, max_tokens=max_tokens))
    assert [place for batch in found for place in batch] == longest_first(lengths)
    assert all(len(batch) == 1 or len(batch) * lengths[batch[0]] <= max_tokens for batch in found)


@given(lengths, st.integers(1, 5_000))
def test_batches_cover_each_text_once_and_stay_within_the_budget(lengths, max_tokens):
    positions = longest_first(lengths)
    falling = [lengths[position] for position in positions]
    assert sorted(positions) == list(range(len(lengths)))
    assert falling == sorted(lengths, reverse=True)
    start = 0
    while start < len(falling):
        end = batch_end(falling, start, max_tokens=max_tokens)
        assert end > start
        assert end - start == 1 or (end - start) * falling[start] <= max_tokens
        assert end == len(falling) or falling[start] == 0 or (end - start + 1) * falling[start] > max_tokens
        start = end
    assert start == len(falling)


def test_equal_lengths_keep_their_order():
    assert longest_first([5, 7, 5, 7]) == [1, 3, 0, 2]


def test_the_budget_is_halved_and_grows_back():
    budget = TokenBudget(limit=1_000, current=1_000, patience=2)
    budget = budget.after_out_of_memory(900)
    assert budget.current == 450
    budget = budget.after_out_of_memory(450)
    assert budget.current == 225
    for expected in (225, 450, 450, 900, 900, 1_000, 1_000, 1_000):
        budget = budget.after_success()
        assert budget.current == expected


def test_running_out_again_starts_counting_anew():
    budget = TokenBudget(limit=100, current=50, patience=3).after_success().after_success().after_out_of_memory(50)
    assert budget.successes == 0
    assert budget.current == 25


@given(st.lists(st.one_of(st.none(), st.integers(1, 10_000)), max_size=200), st.integers(1, 10_000))
def test_the_budget_stays_between_one_and_its_limit(events, limit):
    budget = TokenBudget(limit=limit, current=limit, patience=2)
    for tokens in events:
        before = budget.current
        budget = budget.after_success() if tokens is None else budget.after_out_of_memory(tokens)
        assert 1 <= budget.current <= limit
        if tokens is not None:
            assert budget.current <= max(1, before // 2)


@pytest.mark.parametrize("limit", [1, 4_096])
def test_a_full_budget_stays_full(limit):
    assert TokenBudget.of(limit).after_success() == TokenBudget.of(limit)
