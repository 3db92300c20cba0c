"""The product's own server, as an operator runs it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tools.rig.errors import RigError
from tools.rig.folders import ROOT
from tools.rig.process import Process
from tools.rig.service import Service

GUNICORN = ("-m", "gunicorn", "-c", "deploy/gunicorn.conf.py")


class Server(Service):
    """Keeps its database, secret and results in `folder`."""

    taken_advice = "; set PTM_PORT to a free one"
    application = "ptm_site.asgi:application"

    def __init__(
        self, folder: Path, port: int, settings: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(folder, port)
        self.env = {
            **os.environ,
            "PTM_DATA": str(self.folder),
            "PTM_PUBLIC_URL": self.url,
            "PTM_BIND": f"127.0.0.1:{port}",
            **(settings or {}),
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *arguments: str, stdin: str = "") -> str:
        """Run `manage.py` with the server's settings; return what it printed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["no reason given"]
            raise RigError(f"manage.py {arguments[0]} failed: {said[-1]}")
        return done.stdout.strip()

    def _prepare(self) -> Process:
        command = [sys.executable, *GUNICORN, self.application]
        return Process(
            "The server",
            command,
            log=self.folder / "server.log",
            env=self.env,
            cwd=ROOT,
            stop_timeout=15,
        )

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/health/", timeout=5):  # noqa: S310 (our own)
                return True
        except (URLError, OSError):
            return False
