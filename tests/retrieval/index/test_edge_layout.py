"""A data directory from before there were spaces: its one index is moved to its own folder, however often that is cut off."""

import dataclasses
from pathlib import Path

import pytest

from footnote.core.errors import IndexSchemaMismatch
from footnote.core.settings import IndexSettings
from footnote.core.types import EmbeddingRecipe
from retrieval.index.edge import EdgeIndex
from retrieval.index.edge_layout import FOLDER, move_single_index, space_folder
from retrieval.index.factory import create_index
from tests.retrieval.index.points import RECIPE, point

OTHER = dataclasses.replace(RECIPE, revision="2")


@pytest.fixture
async def earlier(tmp_path: Path) -> Path:
    """An index as an earlier footnote made it, with two points, and what a crash had left beside it."""
    index = EdgeIndex(tmp_path / FOLDER, recipe=RECIPE)
    await index.open()
    await index.upsert([point("a"), point("b")])
    await index.close()
    (tmp_path / FOLDER / "building-0123").mkdir()
    return tmp_path


async def n_points(data_dir: Path, recipe: EmbeddingRecipe) -> int:
    index = create_index(IndexSettings(), data_dir=data_dir, recipe=recipe)
    await index.open()
    try:
        return await index.count()
    finally:
        await index.close()


async def test_each_recipe_has_a_folder_of_its_own(tmp_path: Path):
    for recipe in (RECIPE, OTHER):
        assert await n_points(tmp_path, recipe) == 0
    assert {path.name for path in (tmp_path / FOLDER).iterdir()} == {RECIPE.space, OTHER.space}


@pytest.mark.parametrize("asked", [RECIPE, OTHER], ids=["same embedder", "another embedder"])
async def test_the_one_index_goes_to_its_own_recipes_folder(earlier: Path, asked: EmbeddingRecipe):
    assert await n_points(earlier, asked) == (2 if asked == RECIPE else 0)
    assert await n_points(earlier, RECIPE) == 2
    assert {path.name for path in (earlier / FOLDER).iterdir()} == {RECIPE.space, asked.space}


@pytest.mark.parametrize("n_steps", range(3))
async def test_a_move_that_was_cut_off_is_finished(earlier: Path, n_steps: int, monkeypatch: pytest.MonkeyPatch):
    """Ended after so many of its renames."""
    rename, done = Path.rename, []

    def until_killed(path: Path, target: Path) -> Path:
        if len(done) == n_steps:
            raise KeyboardInterrupt
        done.append(target)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", until_killed)
    if n_steps < 2:
        with pytest.raises(KeyboardInterrupt):
            move_single_index(earlier)
    else:
        move_single_index(earlier)
    monkeypatch.undo()
    assert await n_points(earlier, RECIPE) == 2
    assert {path.name for path in (earlier / FOLDER).iterdir()} == {RECIPE.space}


async def test_an_index_that_cannot_be_told_is_left_alone(earlier: Path):
    (earlier / FOLDER / "index.json").write_text("{}")
    with pytest.raises(IndexSchemaMismatch):
        create_index(IndexSettings(), data_dir=earlier, recipe=RECIPE)
    assert (earlier / FOLDER / "shard-000001").exists()


async def test_what_an_earlier_footnote_wrote_later_does_not_take_the_place_of_what_is_there(earlier: Path):
    newer = EdgeIndex(space_folder(earlier, RECIPE), recipe=RECIPE)
    await newer.open()
    await newer.upsert([point("c")])
    await newer.close()
    assert await n_points(earlier, RECIPE) == 1
