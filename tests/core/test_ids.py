"""Identifiers say what a thing is, sort by the time of their creation, and never meet."""

import time
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.core.ids import Prefix, chunk_id, new_id, point_id

words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)


@pytest.mark.parametrize("prefix", get_args(Prefix))
def test_an_id_is_its_prefix_and_a_uuid_of_version_7(prefix: Prefix):
    identifier = new_id(prefix)
    separator = "-" if prefix in ("file", "chatcmpl") else "_"
    assert identifier.startswith(prefix + separator)
    value = UUID(hex=identifier.removeprefix(prefix + separator))
    assert (value.version, value.variant) == (7, "specified in RFC 4122")
    assert len(identifier) <= 64, "the catalog's columns"


def test_a_later_id_sorts_after_an_earlier_one():
    identifiers = []
    for _ in range(20):
        identifiers.append(new_id("job"))
        time.sleep(0.0015)
    assert identifiers == sorted(identifiers)


def test_the_time_of_creation_can_be_read_from_an_id():
    before = time.time_ns() // 1_000_000
    milliseconds = UUID(hex=new_id("job").removeprefix("job_")).int >> 80
    assert before <= milliseconds <= time.time_ns() // 1_000_000


def test_ids_of_the_same_millisecond_differ():
    assert len({new_id("chunk") for _ in range(10_000)}) == 10_000


def test_a_point_keeps_its_id_for_ever():
    """The value is written down: were it to change, points of an index that exists would be written twice."""
    assert point_id(version_id="ver_1", chunk_id="chunk_1", window=0) == "6764a4c7-35e5-5a62-a174-87b7bf56083d"


def test_a_chunk_keeps_its_id_for_ever():
    assert chunk_id(version_id="ver_1", ordinal=0) == "chunk_df70a48c27935c26bb274e1b9082ae7a"


@given(words, words, st.integers(0, 50), words, words, st.integers(0, 50))
def test_points_differ_where_anything_differs(v1: str, c1: str, w1: int, v2: str, c2: str, w2: int):
    first = point_id(version_id=v1, chunk_id=c1, window=w1)
    second = point_id(version_id=v2, chunk_id=c2, window=w2)
    assert (first == second) == ((v1, c1, w1) == (v2, c2, w2))
