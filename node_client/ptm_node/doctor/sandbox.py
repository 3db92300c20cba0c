"""One container in the sandbox of every run, which tells what it sees."""

import secrets
from collections.abc import Iterator
from contextlib import suppress

import docker

from ptm_node.clock import Clock
from ptm_node.doctor.findings import Finding, failed, ok, warning
from ptm_node.errors import RunFailure
from ptm_node.messages import Key
from ptm_node.runtimes.base import ContainerSpec, Limits, sandbox_user
from ptm_node.runtimes.docker import DockerRuntime

_CHECK = "sandbox"
_KEY = Key(0, 0)
_SECONDS = 30.0
_TRIED_AT_MOST = 5
_NONE = "0" * 16
_LIMITS = Limits(
    cpus=0.5,
    memory=64 << 20,
    pids=16,
    tmp=1 << 20,
    file_size=1 << 20,
    log=64 << 10,
)
# Only what the shell itself can do: an image may have no other program.
_LOOK = """
while read -r line; do echo "$line"; done </proc/self/status
while read -r line; do echo "net $line"; done </proc/net/dev
(: >/ptm-doctor) 2>/dev/null && echo "root written"
(: >/tmp/ptm-doctor) 2>/dev/null && echo "tmp written"
"""


def check(client: docker.APIClient, oci_runtime: str | None) -> Finding:
    """With images that are here already, and our own command: nothing is pulled."""
    images = sorted(client.images(), key=lambda each: int(each["Size"]))
    if not images:
        remedy = "run `ptm-node doctor` again after the first task"
        return warning(_CHECK, "no image is here to try it with", remedy)
    for image in images[:_TRIED_AT_MOST]:
        with suppress(RunFailure):
            said = _look_from_inside(str(image["Id"]), oci_runtime)
            if "Uid:" in said:  # else it has no shell, as its init may have said
                return _judge(said, tells_all=oci_runtime is None)
    remedy = "run `ptm-node doctor` again when another image is here"
    return warning(_CHECK, "no image that is here has a shell to look with", remedy)


def _look_from_inside(image: str, oci_runtime: str | None) -> str:
    # Not the node's own name: the daemon would take it for a container left over.
    runtime = DockerRuntime(f"doctor-{secrets.token_hex(6)}", Clock(), oci_runtime)
    command = ("/bin/sh", "-c", _LOOK)
    spec = ContainerSpec(_KEY, image, {}, (), _LIMITS, command=command)
    with runtime.connected():
        handle = runtime.prepare(spec, before_pull=lambda: None)
        try:
            runtime.start(handle)
            runtime.wait(handle, _SECONDS)
            with runtime.logs(handle) as pieces:
                return b"".join(pieces).decode(errors="replace")
        finally:
            runtime.remove(handle)


def _judge(said: str, *, tells_all: bool = True) -> Finding:
    """A kernel like gVisor's may not tell all; what it tells has to be right."""
    problems = list(_problems(said, tells_all))
    if problems:
        remedy = "do not let this node work; ask for help with this output"
        return failed(_CHECK, f"a container {', '.join(problems)}", remedy)
    uid, _ = sandbox_user()
    what = f"a container runs as user {uid}, without network, rights or a writable root"
    return ok(_CHECK, what)


def _problems(said: str, tells_all: bool) -> Iterator[str]:
    lines = [line.split() for line in said.splitlines() if line.strip()]
    status = {words[0]: words[1:] for words in lines}
    uid, gid = map(str, sandbox_user())
    right = {
        "Uid:": ([uid] * 4, "runs as another user"),
        "Gid:": ([gid] * 4, "runs as another group"),
        "CapPrm:": ([_NONE], "has capabilities"),
        "CapEff:": ([_NONE], "has capabilities in force"),
        "CapBnd:": ([_NONE], "can get capabilities"),
        "NoNewPrivs:": (["1"], "can gain privileges"),
    }
    for name, (wanted, problem) in right.items():
        if (tells_all or name in status) and status.get(name) != wanted:
            yield problem
    networks = {w[1] for w in lines if w[0] == "net" and w[1].endswith(":")}
    if networks != {"lo:"}:
        yield "has a network"
    if ["root", "written"] in lines:
        yield "can write to its root"
    if ["tmp", "written"] not in lines:
        yield "cannot write to /tmp"
