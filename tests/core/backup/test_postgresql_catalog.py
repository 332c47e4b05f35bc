"""How PostgreSQL's programs are called; copies of a real database are made in tests/services."""

import os
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from footnote.core.backup import postgresql_catalog
from footnote.core.errors import CatalogUnavailable

URL = "postgresql+asyncpg://anna:s%40crets@db.example:5433/notes?ssl=require"


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_where_the_database_is_stands_in_the_environment():
    assert postgresql_catalog.environment_of(make_url(URL)) == {
        "PGHOST": "db.example",
        "PGPORT": "5433",
        "PGUSER": "anna",
        "PGPASSWORD": "s@crets",
        "PGDATABASE": "notes",
        "PGSSLMODE": "require",
    }


@pytest.mark.parametrize(("given", "mode"), [("true", "require"), ("false", "disable"), ("verify-full", "verify-full")])
def test_modes_of_tls_are_named_as_postgresqls_programs_name_them(given: str, mode: str):
    assert postgresql_catalog.environment_of(make_url(f"postgresql+asyncpg://anna@db/notes?ssl={given}"))["PGSSLMODE"] == mode


def test_a_database_that_is_not_named_has_the_users_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PGDATABASE", raising=False)
    assert postgresql_catalog.environment_of(make_url("postgresql+asyncpg://anna@db"))["PGDATABASE"] == "anna"


async def test_no_secret_stands_in_a_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program(tmp_path, "pg_dump", f'echo "$@" > {tmp_path}/arguments; echo "$PGPASSWORD" > {tmp_path}/password')
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    await postgresql_catalog._run("pg_dump", "--file=x", url=URL)
    assert "s@crets" not in (tmp_path / "arguments").read_text()
    assert (tmp_path / "password").read_text().strip() == "s@crets"


async def test_a_program_that_is_not_installed_is_said_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CatalogUnavailable, match="postgresql-client"):
        await postgresql_catalog._run("pg_dump", url=URL)


async def test_what_a_program_complains_about_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program(tmp_path, "pg_dump", "echo 'server version: 17; pg_dump version: 15' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(CatalogUnavailable, match=r"server version: 17.*newer"):
        await postgresql_catalog._run("pg_dump", url=URL)
