"""More runs than one node has slots for; `make bench` does the same with a thousand."""

from pathlib import Path

from tests.e2e.conftest import UNHURRIED, MakeNode
from tests.e2e.researcher import Researcher
from tests.e2e.site_node import WEST

RUNS, AT_ONCE = 24, 8
MEMORY_MB = 80


def test_queued_runs_drain_by_age_and_leave_a_small_node_and_nothing_else(
    west: MakeNode, researcher: Researcher
) -> None:
    limits = {**UNHURRIED["limits"], "concurrent_runs": AT_ONCE}
    node = west(changes={"limits": limits})
    node.command("pause")
    tasks = [researcher.send("nonce", WEST) for _ in range(RUNS)]
    node.command("resume")
    runs = [researcher.completed_once(task) for task in tasks]
    claimed = [run["history"][0]["at"] for run in runs]
    assert claimed == sorted(claimed)
    assert claimed[0] < claimed[AT_ONCE]  # no more than there is room for
    assert [node.starts(run) for run in runs] == [1] * RUNS
    assert peak_mb(node.process.pid) < MEMORY_MB
    node.assert_done()


def peak_mb(pid: int) -> float:
    """The most memory that the process ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [peak] = [line for line in lines if line.startswith("VmHWM:")]
    return int(peak.split()[1]) / 1024
