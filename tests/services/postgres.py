"""A PostgreSQL server of one's own: found or fetched from Debian's packages, on a free port of loopback, run by an unprivileged user."""

import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

CACHE = Path(__file__).parents[2] / "build" / "postgresql"
INSTALLED = Path("/usr/lib/postgresql")
USER = "footnote"

CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 100
shared_buffers = 64MB
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
jit = off
log_min_messages = warning
deadlock_timeout = 200ms
password_encryption = md5
"""
"""For tests: no waiting for the disk, and a deadlock is found soon."""


class NoPostgres(RuntimeError):
    """There is no PostgreSQL here, and none can be had; says why."""


def find_binaries() -> Path | None:
    """Return the folder with ``postgres`` and ``initdb``, the newest of those that Debian or this module has installed."""
    found = [path.parent for root in (INSTALLED, CACHE / "usr/lib/postgresql") for path in root.glob("*/bin/postgres")]
    on_path = shutil.which("postgres")
    if on_path is not None:
        found.append(Path(on_path).resolve().parent)
    usable = [folder for folder in found if (folder / "initdb").exists()]
    return max(usable, key=_version, default=None)


def install_binaries() -> Path:
    """Return ``find_binaries()``, after installing Debian's package where there is none.

    Raises:
        NoPostgres: it can neither be installed nor unpacked.
    """
    found = find_binaries()
    reasons: list[str] = []
    for attempt in (_install_with_apt, _unpack_packages):
        if found is not None:
            break
        reason = attempt()
        if reason:
            reasons.append(reason)
        found = find_binaries()
    if found is None:
        raise NoPostgres("PostgreSQL is not installed and cannot be: " + "; ".join(reasons))
    return found


class PostgresServer:
    """A server with a cluster of its own in a temporary folder; may be stopped and started again, and goes with the block."""

    def __init__(self, binaries: Path | None = None) -> None:
        chosen = binaries or find_binaries()
        if chosen is None:
            raise NoPostgres("PostgreSQL is not installed.")
        self._binaries = chosen
        self._folder = Path(tempfile.mkdtemp(prefix="footnote-postgresql-"))
        self._data = self._folder / "data"
        self._password = secrets.token_hex(16)
        self._user = _unprivileged_user()
        self.port = _free_port()

    def __enter__(self) -> "PostgresServer":
        try:
            self._initialise()
            self.start()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(at_once=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+asyncpg://{USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        self._run("pg_ctl", "start", "--wait", "--silent", "--pgdata", self._data, "--log", self._folder / "log")

    def stop(self, *, at_once: bool = False) -> None:
        """Stop the server: ``at_once`` as a crash would, else breaking off what is under way."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "--wait", "--silent", "--pgdata", self._data, "--mode", "immediate" if at_once else "fast")

    def log(self) -> str:
        return (self._folder / "log").read_text()

    def _initialise(self) -> None:
        secret = self._folder / "password"
        secret.write_text(self._password)
        if self._user is not None:
            for path in (self._folder, secret):
                shutil.chown(path, self._user)
        # A locale of people, as Debian's and Docker's images have it: with C, wrong assumptions about order would pass.
        # And md5, whose handshake takes a fiftieth of the time: each test connects some times anew.
        locale = ("--locale-provider", "icu", "--icu-locale", "en-US", "--locale", "C.UTF-8")
        self._run(
            "initdb", "--pgdata", self._data, "--username", USER, "--pwfile", secret, "--auth", "md5", "--encoding", "UTF8",
            *locale, "--no-sync",
        )  # fmt: skip
        with (self._data / "postgresql.conf").open("a") as configuration:
            configuration.write(f"{CONFIGURATION}port = {self.port}\n")

    def _run(self, program: str, *arguments: str | Path) -> None:
        command: list[str | Path] = [self._binaries / program, *arguments]
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "LD_LIBRARY_PATH": str(CACHE / "usr/lib" / _multiarch())}
        done = subprocess.run(
            command, user=self._user, cwd=self._folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=120,
        )  # fmt: skip
        if done.returncode != 0:
            log = self.log() if (self._folder / "log").exists() else ""
            raise NoPostgres(f"{program} failed: {done.stdout.strip()}\n{log[-2000:]}")


async def execute(url: str, *statements: str) -> None:
    """Run statements outside of any transaction."""
    import asyncpg

    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def beside(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return url.rpartition("/")[0] + "/" + name


def _version(folder: Path) -> tuple[int, ...]:
    name = folder.parent.name
    return tuple(int(part) for part in name.split(".") if part.isdigit())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _unprivileged_user() -> str | None:
    """Return whom to run the server as: nobody else unless this is root, as whom PostgreSQL refuses to run."""
    if os.geteuid() != 0:
        return None
    names = [entry.pw_name for entry in pwd.getpwall()]
    return next(name for name in ("postgres", "nobody") if name in names)


def _install_with_apt() -> str | None:
    """Install Debian's package for the whole machine where we may; return why not."""
    if shutil.which("apt-get") is None:
        return "there is no apt-get"
    before: Sequence[str] = ()
    if os.geteuid() != 0:
        if shutil.which("sudo") is None or subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode != 0:
            return "this user is not root and may not use sudo"
        before = ("sudo", "-n")
    environment = ("env", "DEBIAN_FRONTEND=noninteractive")
    for arguments in (("update",), ("install", "-y", "--no-install-recommends", "postgresql")):
        done = subprocess.run([*before, *environment, "apt-get", "-q", *arguments], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"apt-get: {_last_line(done)}"


def _unpack_packages() -> str | None:
    """Unpack Debian's packages into a folder of this tree, for which nobody has to be root; return why not."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return "there is no apt-get and dpkg-deb to unpack a package with"
    needed = _depends("--important", "postgresql")
    server = next((name for name in needed if re.fullmatch(r"postgresql-\d+", name)), None)
    if server is None:
        return "apt-cache knows no package postgresql"
    libraries = [name for name in _depends("--recurse", "--important", server) if name.startswith("lib") and not _is_installed(name)]
    downloads = CACHE / "packages"
    downloads.mkdir(parents=True, exist_ok=True)
    for package in (server, server.replace("postgresql", "postgresql-client"), *libraries):
        subprocess.run(["apt-get", "-q", "download", package], cwd=downloads, capture_output=True, check=False)
    fetched = list(downloads.glob("*.deb"))
    if not any(path.name.startswith(f"{server}_") for path in fetched):
        return f"apt-get could not download {server}"
    for path in fetched:
        subprocess.run(["dpkg-deb", "--extract", path, CACHE], check=True)
    return None


def _depends(*arguments: str) -> list[str]:
    listed = subprocess.run(["apt-cache", "depends", *arguments], capture_output=True, text=True, check=False).stdout
    return sorted({line.split("Depends: ")[1].strip() for line in listed.splitlines() if "Depends: " in line and "<" not in line})


def _is_installed(package: str) -> bool:
    question = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    return subprocess.run(question, capture_output=True, text=True, check=False).stdout == "installed"


def _multiarch() -> str:
    return f"{os.uname().machine}-linux-gnu"


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1] if lines else f"status {done.returncode}"
