"""The daemon as a process of its own, on the real engine."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from ptm_node.journal import Row

from tests.node.fake_server import FakeServer
from tests.node.harness import files_of, journal_of, write_config

END_SECONDS = 30


class DaemonProcess:
    """One start of `ptm-node run`. Several share a folder, one after the other."""

    def __init__(
        self,
        folder: Path,
        server: FakeServer,
        environment: dict[str, str] | None = None,
        /,
        **sections: dict[str, Any],
    ) -> None:
        self.config = write_config(folder, server.url, **sections)
        self.log = folder / "node.log"
        self.state = folder / "state"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ptm_node", "run", "--config", self.config],
                env={**os.environ, **(environment or {})},
                stderr=log,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """As a power cut would: no chance to do anything."""
        self._process.kill()
        self._process.wait(END_SECONDS)

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """Its exit status, once it has ended by itself."""
        return self._process.wait(END_SECONDS)

    def journal(self) -> list[Row]:
        return journal_of(self.state)

    def files(self) -> list[str]:
        return [path.name for path in files_of(self.state)]

    def resident_megabytes(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        (line,) = [each for each in status.splitlines() if each.startswith("VmRSS")]
        return int(line.split()[1]) / 1024
