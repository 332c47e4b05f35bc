"""Checks of the machine: memory, disk, and the data directory."""

import shutil
from pathlib import Path

import psutil

from footnote.cli.json_documents import Finding
from footnote.core.data_directory import DataDirectory
from footnote.core.errors import StorageUnavailable
from footnote.core.settings import Settings

GIB = 1024**3
LOCAL_MODEL_GIB = 2.5
"""What a server with the bundled models may take at its peak."""
LITTLE_DISK_GIB = 2.0
"""Converted model 0.3, wheels of another installation, and room for documents."""
NO_DISK_GIB = 0.3


def check_memory(settings: Settings) -> list[Finding]:
    """Compare the memory that is free with what models in this process need."""
    free = psutil.virtual_memory().available / GIB
    detail = f"{free:.1f} GiB are free."
    if settings.generator.kind == "local" and free < LOCAL_MODEL_GIB:
        advice = f"The bundled model needs up to {LOCAL_MODEL_GIB} GiB; set generator.kind to extractive or openai, or end something else."
        return [Finding(check="memory", status="warn", detail=detail, advice=advice)]
    return [Finding(check="memory", status="ok", detail=detail, advice=None)]


def check_disk(settings: Settings) -> list[Finding]:
    """Look at the free space where the data directory is or will be."""
    free = shutil.disk_usage(_nearest_existing(settings.data_dir)).free / GIB
    status = "fail" if free < NO_DISK_GIB else "warn" if free < LITTLE_DISK_GIB else "ok"
    advice = None if status == "ok" else "Free space, or choose another data directory with --data-dir."
    return [Finding(check="disk", status=status, detail=f"{free:.1f} GiB are free at {settings.data_dir.absolute()}.", advice=advice)]


def check_data_directory(settings: Settings) -> list[Finding]:
    """Say whether the data directory can be used, and who owns it."""
    directory = DataDirectory(settings.data_dir)
    owner = directory.owner()
    if owner is not None:
        detail = f"{directory.path} is in use by process {owner.pid} (`{owner.command}`)."
        return [Finding(check="data directory", status="ok", detail=detail, advice=None)]
    try:
        directory.create()
    except StorageUnavailable as error:
        return [Finding(check="data directory", status="fail", detail=error.message, advice=error.hint)]
    return [Finding(check="data directory", status="ok", detail=f"{directory.path} can be written.", advice=None)]


def _nearest_existing(path: Path) -> Path:
    absolute = path.absolute()
    return next(folder for folder in (absolute, *absolute.parents) if folder.exists())
