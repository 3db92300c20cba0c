"""A PostgreSQL server on loopback that keeps everything in one folder."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from tools.rig.errors import RigError
from tools.rig.files import write_private
from tools.rig.process import Process, as_user
from tools.rig.service import Service

DEBIAN_VERSIONS = Path("/usr/lib/postgresql")
OWNER = "ptm"
CRASH_SECONDS = 10
# What a test wrote need not survive a power cut.
QUICK = ["-c", "fsync=off", "-c", "full_page_writes=off"]


class Postgres(Service):
    """Its databases stay in `folder`; the account is a superuser there."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder, port)
        self.password = ""
        # It refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None

    @property
    def url(self) -> str:
        return self.database_url(OWNER)

    def database_url(self, name: str) -> str:
        return f"postgres://{OWNER}:{self.password}@127.0.0.1:{self.port}/{name}"

    def create_database(self, name: str) -> str:
        """The URL of a database, made unless it is there."""
        with psycopg.connect(self.database_url("postgres"), autocommit=True) as link:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if link.execute(query, [name]).fetchone() is None:
                create = sql.SQL("CREATE DATABASE {}")
                link.execute(create.format(sql.Identifier(name)))
        return self.database_url(name)

    def crash(self) -> None:
        """As `pg_ctl stop -m immediate`: the next start has to recover."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGQUIT)
            self._process.wait(CRASH_SECONDS)

    def _prepare(self) -> Process:
        programs = _newest_programs()
        data, password_file = self.folder / "data", self.folder / "password"
        if not data.exists():
            write_private(password_file, secrets.token_urlsafe(32))
            self._initialize(programs, data, password_file)
        self.password = password_file.read_text()
        command = [str(programs / "postgres"), "-D", str(data), *QUICK]
        command += ["-p", str(self.port), "-c", "listen_addresses=127.0.0.1"]
        return Process(
            "PostgreSQL",
            # No Unix socket: its path may be no longer than 107 bytes.
            [*command, "-c", "unix_socket_directories="],
            log=self.folder / "postgres.log",
            user=self._user,
            # SIGTERM would wait for every client to leave.
            stop_signal=signal.SIGINT,
        )

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.database_url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _complete(self) -> None:
        self.create_database(OWNER)

    def _initialize(self, programs: Path, data: Path, password_file: Path) -> None:
        """Make the cluster beside its place first, so that it is whole or absent."""
        half = Path(tempfile.mkdtemp(dir=self.folder, prefix="half-"))
        if self._user is not None:
            for path in (self.folder, half, password_file):
                shutil.chown(path, self._user, self._user)
        command = [str(programs / "initdb"), "-D", str(half), "-U", OWNER]
        command += [f"--pwfile={password_file}", "--auth=scram-sha-256"]
        command += ["--encoding=UTF8", "--no-locale", "--no-sync"]
        done = subprocess.run(
            [*as_user(self._user), *command], capture_output=True, text=True
        )
        if done.returncode != 0:
            shutil.rmtree(half)
            raise RigError(f"PostgreSQL could not be initialized.\n{done.stderr}")
        half.rename(data)


def _newest_programs() -> Path:
    found = DEBIAN_VERSIONS.glob("*/bin/initdb")
    newest = max(found, key=lambda path: float(path.parts[-3]), default=None)
    if newest is None:
        raise RigError("PostgreSQL is not installed; run `make setup`.")
    return newest.parent
