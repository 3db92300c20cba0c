"""Resident memory of the idle server and the idle node."""

from pathlib import Path

from benchmarks.figures import Figure
from tools.rig.platform import Platform

SERVER_AIM_MB = 150
NODE_AIM_MB = 60


def measure_memory(platform: Platform) -> list[Figure]:
    (node,) = platform.nodes.values()
    server = platform.server.pid
    return [
        Figure("server, idle (all processes)", tree_mb(server), "MB", SERVER_AIM_MB),
        Figure("node, idle", tree_mb(node.pid), "MB", NODE_AIM_MB),
    ]


def tree_mb(pid: int) -> float:
    """Return the resident set of a process and its children, in MB (10^6 bytes)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return _resident_mb(pid) + sum(tree_mb(int(child)) for child in children)


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
