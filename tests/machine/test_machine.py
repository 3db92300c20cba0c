"""Server, nodes and network as one machine that chance drives, step by step.

The services, the daemon, its journal and its spool are the real ones. `make fuzz` goes
elsewhere each time, and says from which seed: PTM_SEED goes there again.
"""

import os
import secrets
from itertools import count
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.machine import Machine
from tests.worlds import World

EXAMPLES = int(os.environ.get("PTM_FUZZ", "0"))
QUICK, STEPS = 10, 30
# With more steps than a reader of `make test` waits for.
LONG = 50


@pytest.mark.timeout(0 if EXAMPLES else 300)
def test_nothing_is_lost_and_nothing_counts_twice(
    shared: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = count()

    class Here(Machine):
        def __init__(self) -> None:
            super().__init__(shared, tmp_path / str(next(folders)))

    if EXAMPLES:
        seed = int(os.environ.get("PTM_SEED") or secrets.randbits(32))
        hypothesis.seed(seed)(Here)
        with capsys.disabled():
            print(f"PTM_SEED={seed}")
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=EXAMPLES or QUICK,
            stateful_step_count=LONG if EXAMPLES else STEPS,
            derandomize=not EXAMPLES,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink) if EXAMPLES else (Phase.generate,),
        ),
    )
