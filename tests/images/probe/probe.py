"""Algorithms that behave badly, or tell what they see: each function is one test's."""

import errno
import hashlib
import json
import os
import secrets
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping
from io import BufferedRWPair
from pathlib import Path
from typing import Any

MEBIBYTE = 1 << 20
ELSEWHERE = ["1.1.1.1:443", "169.254.169.254:80", "172.17.0.1:22"]
ROUTES = Path("/proc/net/route")


def write_output(value: Any) -> None:
    Path(os.environ["OUTPUT_FILE"]).write_text(json.dumps(value), "utf-8")


def exits_one() -> None:
    """Fail the way a careless program does, with a patient in its traceback."""
    print("ValueError: Erika Mustermann, born 1950-01-31, PSA 'n/a'", file=sys.stderr)
    sys.exit(1)


def silent() -> None:
    """Exit 0 without a result."""


def floods_output(*, quiet: bool = False) -> None:
    """Write until something stops it; `quiet` then claims success."""
    try:
        with open(os.environ["OUTPUT_FILE"], "wb", buffering=0) as output:
            while True:
                output.write(b"x" * MEBIBYTE)
    except OSError:
        if not quiet:
            raise


def floods_log(*, megabytes: int = 12) -> None:
    line = b"x" * 1023 + b"\n"
    for _ in range(megabytes * 1024):
        sys.stdout.buffer.write(line)
    write_output({"megabytes": megabytes})


def runs_forever() -> None:
    """Wait, and stop when asked to."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _wait()


def ignores_stop() -> None:
    """Wait, whatever one asks."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _wait()


def eats_memory(*, megabytes: int = 4096) -> None:
    """Take memory until it is killed, or until `megabytes` did not matter."""
    eaten = [os.urandom(1) * MEBIBYTE for _ in range(megabytes)]
    write_output({"megabytes": len(eaten)})


def loses_child(*, megabytes: int = 4096) -> None:
    """Let only a child be killed for its memory, and succeed nevertheless."""
    child = os.fork()
    if child == 0:
        Path("/proc/self/oom_score_adj").write_text("1000")
        eats_memory(megabytes=megabytes)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    write_output({"child": os.waitstatus_to_exitcode(status)})


def forks(*, limit: int = 2000) -> None:
    """Count the processes that may be started beside this one."""
    children: list[int] = []
    refused: str | None = None
    try:
        while len(children) < limit:
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
    except OSError as error:
        refused = errno.errorcode[error.errno or 0]
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    write_output({"processes": len(children), "refused": refused})


def fills_tmp(*, megabytes: int = 4096) -> None:
    """Write to /tmp until something stops it."""
    written, refused = 0, ""
    try:
        with open("/tmp/filler", "wb", buffering=0) as filler:  # noqa: S108
            while written < megabytes * MEBIBYTE:
                written += filler.write(b"x" * MEBIBYTE)
    except OSError as error:
        refused = errno.errorcode[error.errno or 0]
    write_output({"bytes": written, "refused": refused or None})


def nonce(*, seconds: float = 0.0) -> None:
    """Return what no second run of this container could return again."""
    value = secrets.token_hex(16)
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        print(f"{left:.1f} s to go", flush=True)
        time.sleep(min(left, 0.2))
    if seconds:
        print("nothing to go", flush=True)
    write_output({"nonce": value, "seconds": seconds})


def tries_network(
    *, targets: list[str] | None = None, name: str = "debian.org"
) -> None:
    """Try to reach the outside, this host and a name server; say what answered."""
    addresses = [*ELSEWHERE, *_gateways(), *(targets or [])]
    attempts = {address: _connect(address) for address in addresses}
    attempts[f"name {name}"] = _resolve(name)
    reached = sorted(what for what, failure in attempts.items() if failure is None)
    write_output({"reached": reached, "attempts": attempts})


def asks_postgresql(*, query: str) -> None:
    """Ask a database server in its own protocol, version 3, through the socket."""
    with socket.socket(socket.AF_UNIX) as end, end.makefile("rwb") as line:
        end.connect(f"{os.environ['DATABASE_URI']}/.s.PGSQL.5432")
        hello = struct.pack("!i", 3 << 16) + b"user\0reader\0database\0ptm\0\0"
        _say(line, b"", hello)
        _answers(line)
        _say(line, b"Q", query.encode() + b"\0")
        write_output(
            {"rows": [_row(said) for kind, said in _answers(line) if kind == b"D"]}
        )


def _say(line: BufferedRWPair, kind: bytes, content: bytes) -> None:
    line.write(kind + struct.pack("!i", len(content) + 4) + content)
    line.flush()


def _answers(line: BufferedRWPair) -> list[tuple[bytes, bytes]]:
    """All until the server is ready for another question."""
    answers: list[tuple[bytes, bytes]] = []
    while not answers or answers[-1][0] != b"Z":
        kind, (size,) = line.read(1), struct.unpack("!i", line.read(4))
        answers.append((kind, line.read(size - 4)))
        if kind == b"E":
            raise RuntimeError(answers[-1][1])
    return answers


def _row(content: bytes) -> list[str | None]:
    cells: list[str | None] = []
    rest = content[2:]
    while rest:
        size, rest = struct.unpack("!i", rest[:4])[0], rest[4:]
        cells.append(rest[:size].decode() if size >= 0 else None)
        rest = rest[max(size, 0) :]
    return cells


def echo(**_: Any) -> None:
    """Return what this container was given and what it may do."""
    files = [os.environ[name] for name in ("INPUT_FILE", "OUTPUT_FILE", "TOKEN_FILE")]
    databases = sorted({v for k, v in os.environ.items() if k.endswith("DATABASE_URI")})
    folders = sorted({str(Path(path).parent) for path in databases})
    places = ["/", "/app", "/etc", "/tmp", os.environ.get("HOME", "/")]  # noqa: S108
    places += [*files, *databases, *folders]
    write_output(
        {
            "input": Path(files[0]).read_text("utf-8"),
            "environment": sorted(os.environ),
            "settings": {k: v for k, v in os.environ.items() if _is_setting(k)},
            "uid": os.getuid(),
            "gid": os.getgid(),
            "groups": os.getgroups(),
            "process": _process_status(),
            "interfaces": sorted(name for _, name in socket.if_nameindex()),
            "mounts": _mounts(),
            "writable": {place: _is_writable(Path(place)) for place in places},
            "databases": {path: _describe(Path(path)) for path in databases},
            "folders": {
                path: os.listdir(path) for path in folders if os.path.isdir(path)
            },
        }
    )


def _wait() -> None:
    print("waiting", flush=True)
    while True:
        time.sleep(3600)


def _gateways() -> list[str]:
    """The default gateways, at the ports where a host often listens."""
    rows = [line.split() for line in ROUTES.read_text().splitlines()[1:]]
    hosts = [
        socket.inet_ntoa(bytes.fromhex(row[2])[::-1]) for row in rows if int(row[2], 16)
    ]
    return [f"{host}:{port}" for host in hosts for port in (22, 80, 5000, 8000)]


def _connect(address: str) -> str | None:
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except ConnectionRefusedError:
        return None  # the host itself said no: it was reached
    except OSError as error:
        return str(error)
    return None


def _resolve(name: str) -> str | None:
    try:
        socket.getaddrinfo(name, 443)
    except OSError as error:
        return str(error)
    return None


def _is_setting(name: str) -> bool:
    return name.startswith("PTM_") or "DATABASE" in name


def _process_status() -> dict[str, str]:
    lines = Path("/proc/self/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return {
        name: status.get(name, "")
        for name in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp")
    }


def _mounts() -> dict[str, dict[str, str]]:
    """By mount point: file system type and options."""
    rows = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return {row[1]: {"type": row[2], "options": row[3]} for row in rows}


def _is_writable(place: Path) -> bool:
    """Try it, without changing anything: rights alone do not tell."""
    try:
        if place.is_dir():
            probe = place / f"probe-{secrets.token_hex(4)}"
            probe.touch()
            probe.unlink()
        else:
            with open(place, "r+b"):
                pass
    except OSError:
        return False
    return True


def _describe(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {"exists": path.exists()}
    content = path.read_bytes()
    return {
        "exists": True,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


MISCHIEF: list[Callable[..., None]] = [
    *(exits_one, silent, floods_output, floods_log, runs_forever, ignores_stop),
    *(eats_memory, loses_child, forks, fills_tmp, nonce, tries_network),
    *(asks_postgresql, echo),
]
FUNCTIONS: Mapping[str, Callable[..., None]] = {
    function.__name__: function for function in MISCHIEF
}

if __name__ == "__main__":
    call = json.loads(Path(os.environ["INPUT_FILE"]).read_text("utf-8"))
    FUNCTIONS[call["method"]](**call.get("kwargs", {}))
