"""The container files agree with the settings and with each other."""

import re
from pathlib import Path

import yaml

from footnote.core.settings import environment_name, setting_names

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
OWN = {"FOOTNOTE_KEY", "FOOTNOTE_OWNER", "FOOTNOTE_BIND"}


def test_each_setting_that_is_named_exists():
    known = {environment_name(name) for name in setting_names()} | OWN
    assert set(re.findall(r"FOOTNOTE_[A-Z_]+[A-Z]", COMPOSE + DOCKERFILE)) - known == set()


def test_compose_starts_one_service_by_default_and_asks_for_a_key():
    services = yaml.safe_load(COMPOSE)["services"]
    assert [name for name, service in services.items() if "profiles" not in service] == ["api"]
    assert "${FOOTNOTE_KEY:?" in services["api"]["environment"]["FOOTNOTE_SERVER__KEYS"]
    assert services["api"]["ports"][0].startswith("${FOOTNOTE_BIND:-127.0.0.1}")


def test_the_image_runs_as_nobody_special_and_says_whether_it_is_ready():
    assert "\nUSER footnote\n" in DOCKERFILE
    assert "HEALTHCHECK" in DOCKERFILE


def test_all_packages_are_copied():
    for package in ("footnote", "ingestion", "retrieval", "serving", "evaluation", "tuning"):
        assert f"COPY {package} {package}\n" in DOCKERFILE
