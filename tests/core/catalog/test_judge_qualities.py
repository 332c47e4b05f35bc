"""Measurements of judges come back as they were stored; a later one takes an earlier one's place."""

from footnote.core.catalog.catalog import Catalog

ONE = {"judge": "local-1", "revision": "r1", "labels": "ours", "labels_sha256": "a" * 64}


async def test_the_newest_measurement_on_the_same_labels_is_kept(catalog: Catalog):
    await catalog.judge_qualities.store(**ONE, figures={"n": 10})
    stored = await catalog.judge_qualities.store(**ONE, figures={"n": 12})
    assert await catalog.judge_qualities.of_judge("local-1") == (stored,)
    assert stored.figures == {"n": 12}


async def test_other_labels_and_revisions_have_their_own(catalog: Catalog):
    first = await catalog.judge_qualities.store(**ONE, figures={})
    second = await catalog.judge_qualities.store(**{**ONE, "labels_sha256": "b" * 64}, figures={})
    third = await catalog.judge_qualities.store(**{**ONE, "revision": "r2"}, figures={})
    await catalog.judge_qualities.store(**{**ONE, "judge": "ragas:m"}, figures={})
    assert await catalog.judge_qualities.of_judge("local-1", revision="r1") == (second, first)
    assert await catalog.judge_qualities.of_judge("local-1") == (third, second, first)
