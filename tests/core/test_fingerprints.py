"""Fingerprints: an estimate of how alike two texts are, and numbers by which alike ones are found."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.core.fingerprints import FINGERPRINT_CHARS, N_BANDS, SHINGLE_WORDS, bands_of, fingerprint_of, likeness


def words(n: int, seed: int = 1) -> list[str]:
    rng = random.Random(seed)
    return [f"w{rng.randrange(50_000)}" for _ in range(n)]


def found(text: str) -> str:
    fingerprint = fingerprint_of(text)
    assert fingerprint is not None
    return fingerprint


def resemblance(one: list[str], other: list[str]) -> float:
    a, b = ({tuple(text[i : i + SHINGLE_WORDS]) for i in range(len(text) - SHINGLE_WORDS + 1)} for text in (one, other))
    return len(a & b) / len(a | b)


@pytest.mark.parametrize("n_changed", [0, 5, 20, 60, 150, 400])
@pytest.mark.parametrize("n_words", [60, 800])
def test_the_estimate_is_near_the_share_of_common_rows_of_words(n_words: int, n_changed: int):
    errors = []
    for seed in range(12):
        text = words(n_words, seed)
        other = [*words(n_changed * n_words // 800, seed + 1_000), *text[n_changed * n_words // 800 :]]
        errors.append(likeness(found(" ".join(text)), found(" ".join(other))) - resemblance(text, other))
    assert abs(sum(errors) / len(errors)) < (0.08 if n_words < 100 else 0.03)
    assert max(map(abs, errors)) < (0.3 if n_words < 100 else 0.15)


def test_case_signs_and_spacing_do_not_matter_and_order_does():
    text = words(200)
    assert found(" ".join(text)) == found("\n\n".join(text).upper() + " …!")
    assert likeness(found(" ".join(text)), found(" ".join(reversed(text)))) < 0.2


def test_texts_of_scripts_without_spaces_are_told_apart():
    one = "漢字かな交じり文は日本語の表記であり、漢字と仮名を交えて書かれる文のことをいう。"
    assert fingerprint_of(one) is not None
    assert likeness(found(one), found(one.replace("日本語", "中国語"))) > 0.5
    assert likeness(found(one), found("東京都は日本の首都であり、世界でも有数の大都市として知られ、多くの人が暮らしている。")) < 0.2


def test_short_texts_have_none():
    assert fingerprint_of("") is None
    assert fingerprint_of(" ".join(words(20))) is None


def test_bands_are_common_to_alike_texts_of_one_owner_alone():
    text = words(500)
    one, other = found(" ".join(text)), found(" ".join([*text[:480], *words(20, 9)]))
    assert len(bands_of(one, owner="ann")) == N_BANDS
    assert set(bands_of(one, owner="ann")) & set(bands_of(other, owner="ann"))
    assert not set(bands_of(one, owner="ann")) & set(bands_of(one, owner="bob"))
    assert not set(bands_of(one, owner="ann")) & set(bands_of(found(" ".join(words(500, 2))), owner="ann"))


@given(st.text(max_size=2_000))
def test_any_text_has_one_of_the_same_length_or_none(text: str):
    fingerprint = fingerprint_of(text)
    assert fingerprint is None or len(fingerprint) == FINGERPRINT_CHARS
    assert fingerprint is None or likeness(fingerprint, fingerprint) == 1.0


def test_it_is_quick():
    text = " ".join(words(200_000))
    began = time.process_time()
    fingerprint_of(text)
    assert time.process_time() - began < 5
