"""Resident memory of the idle server and the idle node, and what processes work."""

import os
from pathlib import Path

from benchmarks.figures import Figure
from tools.rig.memory import resident, tree
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
    return sum(resident(each) for each in tree(pid)) / 1e6


def tree_seconds(pid: int) -> float:
    """Return how long a process and its children have had a core for themselves."""
    return sum(_cpu_seconds(each) for each in tree(pid))


def _cpu_seconds(pid: int) -> float:
    # After the program's name, which may hold anything: the 12th and 13th field.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
