"""The command, started as its user starts it."""

import subprocess
import sys


def ptm_node(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ptm_node", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
    )


def failed(exit_code: int, *arguments: str) -> str:
    done = ptm_node(*arguments)
    assert done.returncode == exit_code, done.stderr
    assert done.stderr.startswith("ptm-node: ")
    assert done.stderr.count("\n") == 1, "one sentence, no traceback"
    return done.stderr
