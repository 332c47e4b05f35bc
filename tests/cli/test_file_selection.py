from pathlib import Path

import pytest

from footnote.cli.failure import WRONG_USAGE, CommandFailed
from footnote.cli.file_selection import select_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.txt", "a.md", ".hidden", "deep/er/c.pdf", "deep/d.txt", ".git/config", "deep/.secret/e.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def names(paths: list[Path], folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in paths]


def test_a_folder_gives_all_that_is_in_it_but_the_hidden(folder: Path):
    assert names(select_files([str(folder)]), folder) == ["a.md", "b.txt", "deep/d.txt", "deep/er/c.pdf"]


def test_a_hidden_file_that_is_named_is_taken(folder: Path):
    assert names(select_files([str(folder / ".hidden")]), folder) == [".hidden"]


def test_a_glob_goes_through_folders_and_passes_hidden_ones_over(folder: Path):
    assert names(select_files([f"{folder}/**/*.txt"]), folder) == ["b.txt", "deep/d.txt"]


def test_a_glob_that_matches_a_folder_takes_what_is_in_it(folder: Path):
    assert names(select_files([f"{folder}/de*"]), folder) == ["deep/d.txt", "deep/er/c.pdf"]


def test_a_file_whose_name_looks_like_a_glob_is_itself(folder: Path):
    (folder / "[draft].txt").write_text("x")
    assert names(select_files([str(folder / "[draft].txt")]), folder) == ["[draft].txt"]


def test_each_file_comes_once_in_the_order_of_the_arguments(folder: Path):
    chosen = select_files([str(folder / "b.txt"), str(folder), f"{folder}/*.txt"])
    assert names(chosen, folder) == ["b.txt", "a.md", "deep/d.txt", "deep/er/c.pdf"]


def test_links_to_folders_are_not_followed(folder: Path):
    (folder / "deep" / "loop").symlink_to(folder)
    assert len(select_files([str(folder)])) == 4


@pytest.mark.parametrize("argument", ["missing.txt", "*.nothing"])
def test_what_names_nothing_is_wrong_usage(folder: Path, argument: str):
    with pytest.raises(CommandFailed, match=r"missing\.txt|nothing") as raised:
        select_files([str(folder / argument)])
    assert raised.value.exit_status == WRONG_USAGE


def test_a_folder_without_files_is_said(tmp_path: Path):
    with pytest.raises(CommandFailed, match="no file in"):
        select_files([str(tmp_path)])
