from pathlib import Path

from packaging.requirements import Requirement

from footnote.cli import machine
from footnote.cli.installation import check_model_packages, check_packages, wrong_packages
from footnote.cli.machine import check_data_directory, check_disk
from footnote.core.data_directory import DataDirectory
from footnote.core.settings import load_settings

NEEDED = [Requirement("torch>=2.13"), Requirement("numpy>=2.0")]


def test_packages_that_fit_are_not_mentioned():
    assert wrong_packages(NEEDED, installed_version={"torch": "2.13.0+cpu", "numpy": "2.4.6"}.get) == []


def test_missing_and_old_packages_are_named():
    assert wrong_packages(NEEDED, installed_version={"torch": "2.5.0"}.get) == ["torch is 2.5.0, but >=2.13 is needed", "numpy is missing"]


def test_this_installation_is_complete():
    settings = load_settings()
    assert [finding.status for finding in [*check_packages(settings), *check_model_packages(settings)]] == ["ok", "ok", "ok"]


def test_models_that_the_settings_do_not_use_are_not_looked_for():
    settings = load_settings({"generator": {"kind": "extractive"}, "embedder": {"model": "/somewhere"}})
    assert check_model_packages(settings) == []


def test_a_full_disk_is_a_failure_with_advice(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: machine.shutil._ntuple_diskusage(100, 99, 1))
    (finding,) = check_disk(load_settings({"data_dir": tmp_path / "not" / "yet"}))
    assert (finding.status, "--data-dir" in finding.advice) == ("fail", True)


def test_the_owner_of_the_data_directory_is_named(tmp_path: Path):
    settings = load_settings({"data_dir": tmp_path / "data"})
    assert "can be written" in check_data_directory(settings)[0].detail
    with DataDirectory(settings.data_dir).owned():
        assert "in use by process" in check_data_directory(settings)[0].detail


def test_a_file_in_place_of_the_data_directory_is_a_failure(tmp_path: Path):
    (tmp_path / "data").write_text("not a folder")
    assert check_data_directory(load_settings({"data_dir": tmp_path / "data"}))[0].status == "fail"
