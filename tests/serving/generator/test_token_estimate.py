"""The estimate against a real tokenizer stands in test_local.py, which has one."""

from footnote.core.types import Message
from serving.generator.token_estimate import estimate_tokens


def test_each_part_counts():
    assert estimate_tokens([]) == 8
    assert estimate_tokens([Message("user", "")]) == 16
    assert estimate_tokens([Message("user", "leave is 28\n")]) == 16 + 2 + 1 + 2 + 1
    assert estimate_tokens([Message("user", "日本")]) == 16 + 6
