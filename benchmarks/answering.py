"""A process of ours that answers each line it is given with a line of JSON."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Self

from tools.rig.errors import RigError
from tools.rig.folders import ROOT


class Answering:
    """Runs `python -m MODULE …` until the block ends."""

    def __init__(self, *module: str, env: Mapping[str, str]) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:  # it may be waiting for what never comes
            self._child.kill()
        self.end()

    def end(self) -> None:
        self._child.communicate()

    def ask(self, question: str) -> Any:
        stdin, stdout = self._child.stdin, self._child.stdout
        if stdin is None or stdout is None:
            raise RigError("It has no way to be asked.")
        with contextlib.suppress(BrokenPipeError):
            print(question, file=stdin, flush=True)
        line = stdout.readline()
        if not line:
            raise RigError(f"This could not be measured: {question[:80]}.")
        return json.loads(line)
