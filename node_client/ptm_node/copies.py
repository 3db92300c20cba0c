"""Private copies of files and folders that a container's user may not read."""

import os
import shutil
import stat
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from ptm_node.runtimes.base import sandbox_user

_READ, _ENTER = 4, 5


class Changing(Exception):
    """The source was changed while it was copied."""


def needs_copy(path: Path) -> bool:
    """Whether anything there is kept from the user of containers by its rights."""
    return any(not _readable(status) for _, status in _walk(path))


def version_of(path: Path) -> str:
    """Changes with the content, as far as names, sizes, times and inodes tell."""
    digest = sha256()
    for name, status in _walk(path):
        facts = (status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev)
        digest.update(repr((name, stat.S_IFMT(status.st_mode), *facts)).encode())
    return digest.hexdigest()


def copy(source: Path, target: Path) -> None:
    """Copies a file or folder for the user of containers, and for nobody else.

    Symbolic links stay links, which cannot lead out of a container's own mounts;
    devices, sockets and pipes are left out.
    """
    if not source.is_dir():
        shutil.copyfile(source, target)
        give(target)
        return
    for name, status in _walk(source):
        place = target / name
        if stat.S_ISDIR(status.st_mode):
            place.mkdir(mode=0o700)
        elif stat.S_ISLNK(status.st_mode):
            place.symlink_to(os.readlink(source / name))
        elif stat.S_ISREG(status.st_mode):
            shutil.copyfile(source / name, place, follow_symlinks=False)
        else:
            continue
        give(place)


def give(path: Path) -> None:
    """Lets the user of containers read what the node made, and nobody else."""
    if path.is_symlink():
        return
    path.chmod(0o700 if path.is_dir() else 0o400)
    if os.getuid() == 0:
        os.chown(path, *sandbox_user())


def link(source: Path, target: Path) -> None:
    """The same data under another name."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, copy_function=os.link)
        for name, _ in _walk(target):
            give(target / name)
    else:
        os.link(source, target)


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _readable(status: os.stat_result) -> bool:
    mode = status.st_mode
    if stat.S_ISLNK(mode):
        return True
    uid, gid = sandbox_user()
    shift = 6 if status.st_uid == uid else 3 if status.st_gid == gid else 0
    needed = _ENTER if stat.S_ISDIR(mode) else _READ
    return mode >> shift & needed == needed


def _walk(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    """The path itself as "", followed if it is a link, and all below it, which are not.

    In an order that does not change.
    """
    status = path.stat()
    yield "", status
    if stat.S_ISDIR(status.st_mode):
        yield from _below(path, "")


def _below(folder: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        status = entry.stat(follow_symlinks=False)
        yield prefix + entry.name, status
        if stat.S_ISDIR(status.st_mode):
            yield from _below(folder / entry.name, f"{prefix}{entry.name}/")
