"""`ptm-node` called in this process, which takes a tenth of a process of its own.

That it is one, `test_cli.py` tries.
"""

import sys
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from subprocess import CompletedProcess
from unittest.mock import patch

from ptm_node.cli import main


def ptm_node(*arguments: str) -> CompletedProcess[str]:
    said, complained = (TextIOWrapper(BytesIO(), "utf-8") for _ in range(2))
    status = 0
    with (
        patch.object(sys, "argv", ["ptm-node", *arguments]),
        redirect_stdout(said),
        redirect_stderr(complained),
    ):
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
    return CompletedProcess(arguments, status, text(said), text(complained))


def text(written: "TextIOWrapper[BytesIO]") -> str:
    written.flush()
    return written.buffer.getvalue().decode()


def failed(exit_code: int, *arguments: str) -> str:
    return complaint(exit_code, ptm_node(*arguments))


def complaint(exit_code: int, done: CompletedProcess[str]) -> str:
    assert done.returncode == exit_code, done.stderr
    assert done.stderr.startswith("ptm-node: ")
    assert done.stderr.count("\n") == 1, "one sentence, no traceback"
    return done.stderr
