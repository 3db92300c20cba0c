"""A MariaDB server on loopback that keeps everything in one folder."""

import os
import secrets
import shutil
import socket
import subprocess
from pathlib import Path

import pymysql

from tools.rig.errors import RigError
from tools.rig.files import write_private
from tools.rig.process import Process, as_user, find_program
from tools.rig.service import Service

OWNER = "ptm"


class MariaDb(Service):
    """One database, `ptm`, of an account of the same name."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder, port)
        self.password = ""
        # It refuses to run as root.
        self._user = "mysql" if os.geteuid() == 0 else None

    @property
    def url(self) -> str:
        return f"mariadb://{OWNER}:{self.password}@127.0.0.1:{self.port}/{OWNER}"

    def connect(self) -> "pymysql.Connection":
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user=OWNER,
            password=self.password,
            database=OWNER,
            autocommit=True,
        )

    def _prepare(self) -> Process:
        data, password_file = self.folder / "data", self.folder / "password"
        if not data.exists():
            write_private(password_file, secrets.token_urlsafe(32))
            self._initialize(data)
        self.password = password_file.read_text()
        # Run at every start, and by nobody but the server itself.
        first = self.folder / "first.sql"
        write_private(
            first,
            f"CREATE DATABASE IF NOT EXISTS {OWNER} CHARACTER SET utf8mb4;\n"
            f"CREATE USER IF NOT EXISTS {OWNER}@'127.0.0.1'"
            f" IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL ON {OWNER}.* TO {OWNER}@'127.0.0.1';\n",
        )
        if self._user is not None:
            shutil.chown(first, self._user, self._user)
        command = ["mariadbd", "--no-defaults", f"--datadir={data}"]
        command += ["--bind-address=127.0.0.1", f"--port={self.port}"]
        command += [f"--init-file={first}", "--skip-name-resolve"]
        # Its path may be no longer than 107 bytes.
        command += [f"--socket=/tmp/ptm-mariadb-{self.port}.sock"]  # noqa: S108
        log = self.folder / "mariadb.log"
        return Process("MariaDB", command, log=log, user=self._user)

    def _answers(self) -> bool:
        try:
            # Without a sign-in: a failed one is a warning in the log.
            with socket.create_connection(("127.0.0.1", self.port), 2) as link:
                return bool(link.recv(1))
        except OSError:
            return False

    def _initialize(self, data: Path) -> None:
        if self._user is not None:
            shutil.chown(self.folder, self._user, self._user)
        half = self.folder / "half"
        shutil.rmtree(half, ignore_errors=True)
        command = [find_program("mariadb-install-db"), "--no-defaults"]
        command += [
            f"--datadir={half}",
            "--skip-test-db",
            "--auth-root-authentication-method=socket",
        ]
        done = subprocess.run(
            [*as_user(self._user), *command], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise RigError(f"MariaDB could not be initialized.\n{done.stdout}")
        half.rename(data)
