"""Fingerprints of texts, by which nearly equal documents are found without comparing their words.

The words of a text, ``SHINGLE_WORDS`` in a row at each place, are a set; how alike two texts are is the share of the rows of words that
both have (Jaccard, called resemblance in Broder, "On the resemblance and containment of documents", 1997). A fingerprint estimates it:
hashes of the rows fall into ``N_BINS`` bins, and each bin keeps its smallest (one permutation hashing: Li, Owen and Zhang, 2012), an empty
one that of the next bin that is not (densification by rotation: Shrivastava and Li, 2014). Of each smallest hash eight bits are kept (b-bit
minwise hashing: Li and König, 2010). The share of equal bins, less what is equal by chance, is the estimate; its standard error is at
most 0.045, and up to 0.1 where the text has fewer rows of words than there are bins.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

SHINGLE_WORDS = 4
N_BINS = 128
N_BANDS = 16
"""Two fingerprints are compared when a sixteenth of their bins are all equal: at a likeness of 0.8 with 95 %, at 0.9 with 99.99 %."""

FINGERPRINT_CHARS = 2 * N_BINS
MIN_WORDS = 24
"""Shorter texts have no fingerprint: one changed word makes them another text."""

_BIN_BITS = 7
_WORD = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+")
"""A word; a letter where words are written without spaces between them."""

_CHANCE = 1 / 256


def fingerprint_of(text: str) -> str | None:
    """Return a text's fingerprint in hexadecimal digits; None where it has too few words. Case, signs and spacing do not matter."""
    words = _WORD.findall(text.casefold())
    if len(words) < MIN_WORDS:
        return None
    smallest = _densified(_smallest_by_bin(_hashed_rows(words)))
    return (_mixed(smallest) >> np.uint64(56)).astype(np.uint8).tobytes().hex()


def likeness(one: str, other: str) -> float:
    """Return how alike the texts of two fingerprints are, estimated, between 0 and 1."""
    n_equal = sum(a == b for a, b in zip(bytes.fromhex(one), bytes.fromhex(other), strict=True))
    return max(0.0, (n_equal / N_BINS - _CHANCE) / (1 - _CHANCE))


def bands_of(fingerprint: str, *, owner: str) -> tuple[int, ...]:
    """Return what fingerprints of alike texts have in common, with great probability: at least one of these numbers.

    They are between -2^63 and 2^63, and differ between owners.
    """
    content = bytes.fromhex(fingerprint)
    length = N_BINS // N_BANDS
    return tuple(
        int.from_bytes(
            blake2b(content[number * length : (number + 1) * length], digest_size=8, key=_key(owner, number)).digest(), "big", signed=True
        )
        for number in range(N_BANDS)
    )


def _key(owner: str, number: int) -> bytes:
    return blake2b(f"{number}:{owner}".encode(), digest_size=16).digest()


Hashes = np.ndarray[tuple[int, ...], np.dtype[np.uint64]]


def _hashed_rows(words: Sequence[str]) -> Hashes:
    """Return a hash for each row of words, in no order."""
    number_of = {word: int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") for word in set(words)}
    numbers = np.fromiter((number_of[word] for word in words), dtype=np.uint64, count=len(words))
    n_rows = len(words) - SHINGLE_WORDS + 1
    rows = np.zeros(n_rows, dtype=np.uint64)
    for place in range(SHINGLE_WORDS):
        rows = _mixed(rows + numbers[place : place + n_rows])
    return rows


def _mixed(hashes: Hashes) -> Hashes:
    """Spread each hash over all 64 bits (the finalizer of SplitMix64: Steele, Lea and Flood, 2014)."""
    hashes = hashes + np.uint64(0x9E3779B97F4A7C15)
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


def _smallest_by_bin(hashes: Hashes) -> Hashes:
    """Return the smallest hash of each bin, and the largest number there is for an empty one."""
    bins = (hashes >> np.uint64(64 - _BIN_BITS)).astype(np.intp)
    smallest = np.full(N_BINS, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(smallest, bins, hashes << np.uint64(_BIN_BITS))
    return smallest


def _densified(smallest: Hashes) -> Hashes:
    """Fill each empty bin from the next one that is not, and tell it from that one by how far it was."""
    empty = smallest == np.iinfo(np.uint64).max
    filled = smallest.copy()
    for place in np.flatnonzero(empty):
        distance = 1
        while empty[(place + distance) % N_BINS]:
            distance += 1
        filled[place] = smallest[(place + distance) % N_BINS] + np.uint64(distance)
    return filled
