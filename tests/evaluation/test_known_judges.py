"""Which figures of a judge reports carry."""

from evaluation.judge_quality import ServingJudge, shipped_qualities
from evaluation.known_judges import PUBLIC_SETS, known_qualities
from footnote.core.catalog.catalog import Catalog
from serving.judge.local import LocalJudge

FIGURES = {
    "judge": "local-1",
    "labels": "ours.jsonl",
    "n": 80,
    "balanced_accuracy": {"value": 0.8, "low": 0.7, "high": 0.9},
    "auroc": None,
    "calibration_error": {"value": 0.1, "low": 0.05, "high": 0.2},
}


async def test_without_a_measurement_they_are_those_that_are_shipped(catalog: Catalog, embedder):
    judge = ServingJudge(LocalJudge(embedder))
    known = await known_qualities(catalog, [(judge.name, judge.revision), ("ragas:somebody", "")])
    assert [each.labels for each in known] == ["wice test", "begin_wow test", "scifact test"]
    shipped = {each["labels"]: each for each in shipped_qualities(judge.name, judge.revision)}
    assert known[0].balanced_accuracy == shipped["wice test"]["balanced_accuracy"]["value"]
    assert known[0].auroc == shipped["wice test"]["auroc"]["value"]


async def test_the_team_s_own_labels_count_for_more(catalog: Catalog, embedder):
    judge = ServingJudge(LocalJudge(embedder))
    await catalog.judge_qualities.store(
        judge=judge.name, revision=judge.revision, labels="ours.jsonl", labels_sha256="a" * 64, figures=FIGURES
    )
    (known,) = await known_qualities(catalog, [(judge.name, judge.revision)])
    assert (known.labels, known.n, known.low, known.auroc, known.calibration_error) == ("ours.jsonl", 80, 0.7, None, 0.1)
    assert known.expected == min(
        each["balanced_accuracy"]["value"] for each in shipped_qualities(judge.name, judge.revision) if each["labels"] in PUBLIC_SETS
    )


async def test_another_fit_of_a_judge_is_another_judge(catalog: Catalog, embedder):
    await catalog.judge_qualities.store(judge="local-1", revision="older", labels="ours.jsonl", labels_sha256="a" * 64, figures=FIGURES)
    judge = ServingJudge(LocalJudge(embedder))
    assert "ours.jsonl" not in [each.labels for each in await known_qualities(catalog, [(judge.name, judge.revision)])]
    assert await known_qualities(catalog, [(judge.name, "newer")]) == ()
