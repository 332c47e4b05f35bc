"""The Dockerfile, read: there is no engine to build it with here. What it copies is there, and what it runs is what these tests run."""

import json
import re
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatch

import pytest

from tests.deployment.compose_file import ROOT

TARGETS = ("cpu", "cuda")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Instruction:
    word: str
    rest: str


@dataclass(frozen=True)
class Stage:
    base: str
    name: str
    instructions: list[Instruction]

    def all(self, word: str) -> list[str]:
        return [instruction.rest for instruction in self.instructions if instruction.word == word]


def instructions() -> list[Instruction]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#")).replace("\\\n", " ")
    parts = [line.split(maxsplit=1) for line in lines.splitlines() if line.strip()]
    return [Instruction(word.upper(), re.sub(r"\s+", " ", rest.strip())) for word, rest in parts]


def stages() -> dict[str, Stage]:
    found: dict[str, Stage] = {}
    for instruction in instructions():
        if instruction.word == "FROM":
            base, _, name = re.fullmatch(r"(\S+) (AS) (\S+)", instruction.rest).groups()
            found[name] = Stage(base=base, name=name, instructions=[])
        elif found:
            list(found.values())[-1].instructions.append(instruction)
    return found


STAGES = stages()


def chain(target: str) -> list[Stage]:
    """Return the stages whose layers end up in a target's image."""
    stage = STAGES[target]
    return [stage, *(chain(stage.base) if stage.base in STAGES else [])]


def words(target: str, word: str) -> list[str]:
    return [rest for stage in reversed(chain(target)) for rest in stage.all(word)]


def test_both_targets_are_there_and_the_small_one_is_the_default():
    assert set(TARGETS) <= set(STAGES)
    assert list(STAGES)[-1] == "cpu"


def test_the_base_is_pinned_by_version():
    (argument,) = [instruction.rest for instruction in instructions() if instruction.word == "ARG" and "PYTHON_IMAGE" in instruction.rest]
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+\.\d+-slim-\w+", argument)
    assert {stage.base for stage in STAGES.values()} - set(STAGES) == {"${PYTHON_IMAGE}"}


def test_everything_that_is_copied_is_there_and_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored, "what is not named stays out"
    for stage in STAGES.values():
        for copied in stage.all("COPY"):
            if copied.startswith("--from="):
                assert copied.split()[0].removeprefix("--from=") in STAGES
                continue
            for source in copied.split()[:-1]:
                assert (ROOT / source).exists(), f"COPY {source}"
                assert any(fnmatch(source, pattern) for pattern in allowed), f".dockerignore keeps {source} out"


def test_all_packages_and_what_building_them_reads_are_copied():
    copied = " ".join(STAGES["sources"].all("COPY")).split()
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) <= set(copied)
    assert {"constraints.txt", "pyproject.toml", PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]} <= set(copied)


@pytest.mark.parametrize("target", TARGETS)
def test_the_image_runs_as_nobody_special_without_tools_to_build(target: str):
    assert words(target, "USER")[-1] == "footnote"
    runs = " ".join(words(target, "RUN"))
    assert "useradd --system" in runs
    assert not re.search(r"gcc|build-essential|-dev\b|git\b|make\b|pip install", runs)
    assert "sources" not in [stage.name for stage in chain(target)]
    assert "rm -rf /var/lib/apt/lists/*" in runs


@pytest.mark.parametrize("target", TARGETS)
def test_text_recognition_and_backups_are_there(target: str):
    assert "OCR_PACKAGES=tesseract-ocr" in words(target, "ARG")
    (installed,) = [run for run in words(target, "RUN") if "apt-get install" in run]
    assert "${OCR_PACKAGES}" in installed
    assert "postgresql-client" in installed


@pytest.mark.parametrize("target", TARGETS)
def test_stores_of_production_are_installed_under_the_constraints(target: str):
    install = " ".join(STAGES[f"install-{target}"].all("RUN"))
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", install)
    assert {"postgres", "redaction", "s3", "tracing"} <= set(extras.split(",")) <= PROJECT["project"]["optional-dependencies"].keys()
    assert "--constraint constraints.txt" in install
    assert "grep '^torch==' constraints.txt" in install
    assert re.search(r"^torch==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert f"--from=install-{target} /opt/footnote /opt/footnote" in STAGES[target].all("COPY")


def test_the_bundled_model_is_that_of_the_makefile():
    wanted = re.search(r"^LOCAL_MODEL := (\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)[1]
    for target in TARGETS:
        assert f"--no-deps {wanted}" in " ".join(STAGES[f"install-{target}"].all("RUN"))


def test_a_cuda_image_without_cuda_is_not_built():
    assert "assert torch.version.cuda" in " ".join(STAGES["install-cuda"].all("RUN"))


@pytest.mark.parametrize("target", TARGETS)
def test_models_can_be_downloaded_where_the_operator_says_so(target: str):
    environment = dict(part.split("=", 1) for line in words(target, "ENV") for part in line.split() if "=" in part)
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["HF_HOME"] == "/models"
    assert "/models" in " ".join(words(target, "RUN")), "it has to be the user's own"


@pytest.mark.parametrize("target", TARGETS)
def test_commands_are_lists_without_a_shell_that_would_swallow_signals(target: str):
    assert json.loads(words(target, "CMD")[-1]) == ["footnote", "serve"]
    (health,) = words(target, "HEALTHCHECK")
    assert json.loads(health.partition("CMD ")[2]) == ["footnote", "serve", "--check"]
