"""docker-compose.yml: what Compose itself accepts where it is installed, and what has to hold of each service."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from footnote.core.settings import environment_name, load_settings, setting_names
from tests.deployment.compose_file import COMPOSE, GIVEN, OURS, ROOT, MissingVariable, compose, variables

DOCUMENTATION = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
FILE = compose(GIVEN)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
KNOWN_KEYS = {
    "image", "build", "command", "environment", "volumes", "networks", "ports", "healthcheck", "depends_on", "profiles", "restart", "init",
    "cap_drop", "security_opt", "stop_grace_period", "logging", "mem_limit", "cpus", "shm_size", "deploy",
}  # fmt: skip
SECRET = re.compile(r"KEY|PASSWORD|SECRET|TOKEN")

each_service = pytest.mark.parametrize("name", sorted(SERVICES))


def docker_compose() -> list[str] | None:
    """Return Compose's command: Debian's package ``docker-compose``, or the plugin of Docker's own command."""
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if shutil.which("docker") and subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        return ["docker", "compose"]
    return None


def config(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    found = docker_compose()
    if found is None:
        pytest.skip("docker-compose is not installed: `apt-get install docker-compose`")
    clean = {name: value for name, value in os.environ.items() if name not in variables()}
    command = [*found, "--file", COMPOSE, *arguments, "config"]
    return subprocess.run(command, env={**clean, **environment}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("profile", [[], ["--profile", "gpu"]], ids=["default", "gpu"])
def test_compose_accepts_the_file_and_reads_it_as_these_tests_do(profile: list[str]):
    done = config(GIVEN, *profile)
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)["services"]
    # The older of the two commands shows services of other profiles as well.
    assert set(read) >= {name for name, service in SERVICES.items() if profile or "profiles" not in service}
    for name, service in read.items():
        # What is printed can be read again: a dollar sign stands doubled.
        assert [word.replace("$$", "$") for word in service["healthcheck"]["test"]] == SERVICES[name]["healthcheck"]["test"]
        assert service.get("command") == SERVICES[name].get("command")
        assert service.get("environment", {}) == SERVICES[name].get("environment", {})


@pytest.mark.parametrize("missing", sorted(GIVEN))
def test_compose_refuses_to_start_without_a_secret_and_names_it(missing: str):
    done = config({name: value for name, value in GIVEN.items() if name != missing})
    assert done.returncode != 0
    assert missing in done.stderr


def test_there_is_no_default_for_a_secret_that_guards_something():
    assert {name for name, kind in variables().items() if kind == "?"} == set(GIVEN)
    for missing in GIVEN:
        with pytest.raises(MissingVariable, match=missing):
            compose({name: value for name, value in GIVEN.items() if name != missing})
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable):
                assert not value or any(given in value for given in GIVEN.values()), f"{name}: {variable} has a value of its own"


def test_no_secret_stands_in_a_command_line():
    for service in SERVICES.values():
        lines = [*service.get("command", []), *service["healthcheck"]["test"]]
        assert not [line for line in lines for secret in GIVEN.values() if secret in line]
    written = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    for service in written.values():
        assert not [line for line in service.get("command", []) for name in re.findall(r"\$\{(\w+)", line) if SECRET.search(name)]


def test_every_variable_is_documented_and_every_documented_one_is_there():
    assert [name for name in variables() if f"`{name}`" not in DOCUMENTATION] == []
    table = DOCUMENTATION.partition("## Variables")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, flags=re.MULTILINE)) == set(variables())


def test_only_the_api_is_published_and_by_default_on_loopback():
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {"api": ["127.0.0.1:8080:8080"]}


def test_a_cpu_is_enough_for_what_starts_by_default():
    with_gpu = {name for name, service in SERVICES.items() if "deploy" in service}
    assert with_gpu == {name for name, service in SERVICES.items() if service.get("profiles") == ["gpu"]} == {"vllm", "worker-gpu"}
    assert {"api", "worker", "postgres", "qdrant", "mlflow"} == SERVICES.keys() - with_gpu


@each_service
def test_the_service_is_limited_checked_and_started_again(name: str):
    service = SERVICES[name]
    assert service.keys() <= KNOWN_KEYS, "a key that Compose does not know is a mistake, or new here"
    assert service["restart"] == "unless-stopped"
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert float(service["cpus"]) > 0
    health = service["healthcheck"]
    assert health.keys() == {"test", "interval", "timeout", "retries", "start_period"}
    assert health["test"][0] == "CMD"
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}, "logs without end fill the disk"


@each_service
def test_the_image_has_a_version(name: str):
    image = SERVICES[name]["image"]
    if name in OURS:
        assert image == f"footnote:{SERVICES[name]['build']['target']}"
    else:
        assert re.search(r":v?\d+\.\d+\.?\d*[\w.-]*$", image), f"{image} could be anything tomorrow"


@each_service
def test_it_waits_for_what_is_checked(name: str):
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        assert how == {"condition": "service_healthy"}
        assert "healthcheck" in SERVICES[needed]
        assert "profiles" not in SERVICES[needed], "it might not be started at all"


@each_service
def test_volumes_and_networks_are_declared(name: str):
    assert SERVICES[name].get("volumes"), "what a container keeps elsewhere is lost"
    named = {volume.partition(":")[0] for volume in SERVICES[name]["volumes"]}
    assert named <= set(FILE["volumes"])
    assert set(SERVICES[name]["networks"]) <= set(FILE["networks"])


def test_vllm_leaves_room_for_the_worker_on_the_gpu_that_they_share_and_each_may_have_its_own():
    def gpus(file: dict[str, Any], name: str) -> list[str]:
        (device,) = file["services"][name]["deploy"]["resources"]["reservations"]["devices"]
        assert device.keys() == {"driver", "device_ids", "capabilities"}, "a count of 1 gives everybody the first"
        return device["device_ids"]

    assert (gpus(FILE, "vllm"), gpus(FILE, "worker-gpu")) == (["0"], ["0"])
    command = SERVICES["vllm"]["command"]
    assert float(command[command.index("--gpu-memory-utilization") + 1]) <= 0.8
    apart = compose({**GIVEN, "VLLM_GPU": "2", "WORKER_GPU": "3"})
    assert (gpus(apart, "vllm"), gpus(apart, "worker-gpu")) == (["2"], ["3"])


def test_nothing_is_declared_for_nobody():
    used = {volume.partition(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert used == set(FILE["volumes"])


def test_stores_are_reached_from_inside_alone():
    assert FILE["networks"]["inner"] == {"internal": True}
    for name in ("postgres", "qdrant", "mlflow"):
        assert SERVICES[name]["networks"] == ["inner"]


@pytest.mark.parametrize("name", OURS)
def test_our_services_are_no_more_than_they_need_to_be(name: str):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["depends_on"].keys() == {"postgres", "qdrant"}


@pytest.mark.parametrize("name", OURS)
def test_our_services_settings_are_valid(name: str, monkeypatch: pytest.MonkeyPatch):
    for variable, value in SERVICES[name]["environment"].items():
        monkeypatch.setenv(variable, value)
    settings = load_settings()
    assert settings.catalog.url == f"postgresql+asyncpg://footnote:{GIVEN['POSTGRES_PASSWORD']}@postgres:5432/footnote"
    assert settings.index.kind == "qdrant"
    assert (settings.blobs.url, settings.embedder.model) == (None, None), "an empty variable is the default"


def test_workers_and_the_api_share_files_and_nothing_else():
    folders = {name: dict(volume.split(":") for volume in SERVICES[name]["volumes"]) for name in OURS}
    shared = set(folders["api"].items()) & set(folders["worker"].items()) & set(folders["worker-gpu"].items())
    assert shared == {("blobs", "/data/blobs"), ("models", "/models")}
    assert "data" not in folders["worker"], "one process owns a data directory"


def test_each_setting_that_is_named_exists():
    known = {environment_name(name) for name in setting_names()} | {"FOOTNOTE_KEY", "FOOTNOTE_URL", "FOOTNOTE_OWNER", "FOOTNOTE_BIND"}
    for path in (COMPOSE, ROOT / "Dockerfile", ROOT / "docs" / "deployment.md"):
        assert set(re.findall(r"FOOTNOTE_[A-Z_]+[A-Z]", Path(path).read_text(encoding="utf-8"))) - known == set()
