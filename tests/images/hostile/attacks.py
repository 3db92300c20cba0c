"""Everything that a hostile image could try, one by one; says what had an effect."""

import ctypes
import errno
import json
import os
import platform
import socket
import stat
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SECONDS = 3.0
TMP = "/tmp"  # noqa: S108 (the container's own)
LIBC = ctypes.CDLL(None, use_errno=True)
# Numbers of system calls that no sandbox should let through.
CALLS: dict[str, dict[str, int]] = {
    "x86_64": {
        "mount": 165,
        "umount2": 166,
        "unshare": 272,
        "setns": 308,
        "keyctl": 250,
        "bpf": 321,
        "perf_event_open": 298,
        "kexec_load": 246,
        "init_module": 175,
        "finit_module": 313,
        "reboot": 169,
        "swapon": 167,
        "settimeofday": 164,
        "sethostname": 170,
        "acct": 163,
        "quotactl": 179,
        "open_by_handle_at": 304,
        "userfaultfd": 323,
        "iopl": 172,
        "syslog": 103,
        "pivot_root": 155,
    },
    "aarch64": {
        "mount": 40,
        "umount2": 39,
        "unshare": 97,
        "setns": 268,
        "keyctl": 219,
        "bpf": 280,
        "perf_event_open": 241,
        "kexec_load": 104,
        "init_module": 105,
        "finit_module": 273,
        "reboot": 142,
        "swapon": 224,
        "settimeofday": 170,
        "sethostname": 161,
        "acct": 89,
        "quotactl": 60,
        "open_by_handle_at": 265,
        "userfaultfd": 282,
        "syslog": 116,
        "pivot_root": 41,
    },
}
NEW_USER, NEW_SPACE = 0x10000000, 0x00020000
ROOTED = "import os; os.setuid(0); print(os.geteuid())"

Attack = Callable[[], Any]


def call(name: str, *arguments: Any) -> Attack:
    """A system call; what it returns is an effect, whatever it is."""

    def attack() -> Any:
        number = CALLS[platform.machine()][name]
        if LIBC.syscall(number, *arguments) < 0:
            raise OSError(ctypes.get_errno(), name)
        return "done"

    return attack


def does(act: Callable[..., object], *arguments: Any) -> Attack:
    """Anything that raises where it is not allowed."""

    def attack() -> str:
        act(*arguments)
        return "done"

    return attack


def connects(host: str, port: int) -> Attack:
    def attack() -> str:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as tried:
            tried.settimeout(SECONDS)
            try:
                tried.connect((host, port))
            except ConnectionRefusedError:
                return "the host itself said no: it was reached"
        return "connected"

    return attack


def sends(host: str, port: int, data: bytes) -> Attack:
    """A datagram; whether it left, the listener outside can tell too."""

    def attack() -> str:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
            tried.sendto(data, (host, port))
        return "sent"

    return attack


def opens(path: str, flags: int) -> Attack:
    def attack() -> str:
        os.close(os.open(path, flags))
        return "opened"

    return attack


def writes(path: str, text: bytes = b"1") -> Attack:
    def attack() -> str:
        number = os.open(path, os.O_WRONLY)
        try:
            os.write(number, text)
        finally:
            os.close(number)
        return "written"

    return attack


def network(host: list[list[Any]]) -> Iterator[tuple[str, Attack]]:
    yield "metadata", connects("169.254.169.254", 80)
    yield "internet", connects("1.1.1.1", 443)
    yield "internet by IPv6", connects("2606:4700:4700::1111", 443)
    yield "name", does(socket.getaddrinfo, "debian.org", 443)
    yield "leak by DNS", sends("8.8.8.8", 53, b"patient 7")
    yield "raw socket", does(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)
    yield "packets", does(socket.socket, socket.AF_PACKET, socket.SOCK_RAW)
    yield "netlink route", _adds_an_address
    for address, port, kind in host:
        what = connects(address, port)
        if kind == "udp":
            what = sends(address, port, b"patient 7")
        yield f"{kind} {address}:{port}", what


def _adds_an_address() -> str:
    """Give the loopback interface another address, as root of a network could."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
        address = struct.pack("=BBBBI", 2, 32, 0, 0, 1) + struct.pack(
            "=HH4s", 8, 2, bytes([10, 9, 8, 7])
        )
        head = struct.pack("=IHHII", 16 + len(address), 20, 0x605, 1, 0)
        link.send(head + address)
        link.settimeout(SECONDS)
        answer = link.recv(1024)
    (code,) = struct.unpack_from("=i", answer, 16)
    if code < 0:
        raise OSError(-code, "netlink")
    return "added"


def files(secrets: list[str]) -> Iterator[tuple[str, Attack]]:
    for path in ("/var/run/docker.sock", "/run/docker.sock"):
        yield path, opens(path, os.O_RDWR)
    for path in ("/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/kvm"):
        yield path, opens(path, os.O_RDONLY)
    yield "kernel log", call("syslog", 3, ctypes.create_string_buffer(64), 64)
    for path in (
        "/proc/sysrq-trigger",
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/hostname",
        "/proc/sys/vm/drop_caches",
        "/sys/kernel/uevent_helper",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/release_agent",
        "/etc/passwd",
        "/attacks.py",
    ):
        yield f"write {path}", writes(path)
    for path in secrets:  # where they are on the host
        for place in (path, f"/proc/1/root{path}", f"/host{path}"):
            yield f"read {place}", opens(place, os.O_RDONLY)
    yield "a file beside the databases", does(Path("/data/new").write_text, "x")
    yield "a file in the root", does(Path("/new").write_text, "x")
    yield "a device", _read_device


def _read_device() -> str:
    """The first block device of most machines, made anew."""
    os.mknod(f"{TMP}/device", stat.S_IFBLK | 0o600, os.makedev(8, 0))
    os.close(os.open(f"{TMP}/device", os.O_RDONLY))
    return "opened"


def given(path: str) -> Iterator[tuple[str, Attack]]:
    """What is to be read only."""
    yield f"write {path}", writes(path)
    yield f"append {path}", opens(path, os.O_WRONLY | os.O_APPEND)
    yield f"chmod {path}", does(os.chmod, path, 0o600)
    yield f"truncate {path}", does(os.truncate, path, 0)
    yield f"remove {path}", does(os.unlink, path)
    yield f"rename {path}", does(os.rename, path, path + ".old")
    yield f"reopen {path}", lambda: _reopened(path)
    where = ctypes.c_char_p(path.encode())
    yield f"remount {path}", call("mount", None, where, None, 32, None)


def _reopened(path: str) -> str:
    with open(path, "rb") as file:
        os.close(os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDWR))
    return "opened for writing"


def replaced(path: str) -> Iterator[tuple[str, Attack]]:
    """The output as something else than a file."""
    yield "remove the output", does(os.unlink, path)
    yield "rename the output", does(os.rename, path, f"{TMP}/output")
    yield "link over the output", does(os.symlink, "/etc/passwd", path)
    yield "another name for the output", does(os.link, path, f"{TMP}/output")
    yield "a pipe as the output", does(os.mkfifo, path)


def privileges() -> Iterator[tuple[str, Attack]]:
    yield "become root", does(os.setuid, 0)
    yield "other groups", does(os.setgroups, [0])
    yield "a program that begins as root", _begins_as_root
    yield "leave by chroot", does(os.chroot, TMP)
    yield "real time", does(os.nice, -5)
    target, kind = ctypes.c_char_p(TMP.encode()), ctypes.c_char_p(b"tmpfs")
    yield "mount", call("mount", kind, target, kind, 0, None)
    yield "umount2", call("umount2", target, 0)
    yield "new mounts", call("unshare", NEW_SPACE)
    yield "new users", call("unshare", NEW_USER)
    yield "another's namespace", lambda: _joined("/proc/1/ns/mnt")
    yield "keyctl", call("keyctl", 0, -4, 1)
    yield "bpf", call("bpf", 0, ctypes.create_string_buffer(128), 128)
    yield (
        "perf_event_open",
        call("perf_event_open", ctypes.create_string_buffer(128), -1, 0, -1, 0),
    )
    for name in ("kexec_load", "init_module", "finit_module", "quotactl", "pivot_root"):
        yield name, call(name, 0, 0, 0, 0)
    yield "reboot", call("reboot", 0xFEE1DEAD, 672274793, 0x01234567, None)
    yield "swapon", call("swapon", target, 0)
    clock = ctypes.create_string_buffer(struct.pack("ll", 10**9, 0))
    yield "the clock", call("settimeofday", clock, None)
    yield "the host's name", call("sethostname", ctypes.c_char_p(b"taken"), 5)
    yield "acct", call("acct", ctypes.c_char_p(b"acct"))
    yield "open_by_handle_at", call("open_by_handle_at", -100, b"\0" * 64, 0)
    if platform.machine() == "x86_64":
        yield "iopl", call("iopl", 3)


def _begins_as_root() -> str | None:
    done = subprocess.run(["/rooted", "-c", ROOTED], capture_output=True, text=True)
    return done.stdout if done.stdout.strip() == "0" else None


def _joined(path: str) -> str:
    number = os.open(path, os.O_RDONLY)
    call("setns", number, 0)()
    return "joined"


def tried(attack: Attack) -> tuple[Any, str]:
    """What came of it, and what the system said, from a child that may be killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            said = (attack(), "")
        except OSError as error:
            said = (None, errno.errorcode.get(error.errno or 0, str(error)))
        except BaseException as error:
            said = (None, repr(error))
        os.write(
            writer, json.dumps([str(said[0]) if said[0] else None, said[1]]).encode()
        )
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as words:
        text = words.read()
    _, status = os.waitpid(child, 0)
    if not text:
        return None, f"killed with {os.waitstatus_to_exitcode(status)}"
    effect, refusal = json.loads(text)
    return effect, refusal


def main() -> None:
    wanted = json.loads(Path(os.environ["INPUT_FILE"]).read_text())["kwargs"]
    attacks = [
        *network(wanted.get("host", [])),
        *files(wanted.get("secrets", [])),
        *given(os.environ["INPUT_FILE"]),
        *replaced(os.environ["OUTPUT_FILE"]),
        *privileges(),
    ]
    if database := os.environ.get("DATABASE_URI"):
        attacks += given(database)
    outcomes = {name: tried(attack) for name, attack in attacks}
    Path(os.environ["OUTPUT_FILE"]).write_text(json.dumps(outcomes))


if __name__ == "__main__":
    main()
