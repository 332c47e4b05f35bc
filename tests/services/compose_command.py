"""Compose's command, which checks docker-compose.yml: Debian's package, installed where that is possible."""

import os
import shutil
import subprocess

PATIENCE_S = 180


def install_compose() -> None:
    """Install ``docker-compose`` where it is missing, by the superuser of a Debian. Where that fails its tests are skipped, and say why."""
    if shutil.which("docker-compose") or not shutil.which("apt-get") or os.geteuid() != 0:
        return
    command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "docker-compose"]
    try:
        subprocess.run(
            command,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        return
