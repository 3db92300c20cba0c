"""Sends results with the node's own code.

`python -m benchmarks.sender URL FOLDER ID SIZE`: FOLDER is an enrolled node's, ID the
collaboration that it serves. Says that it is ready; then, for each line that it reads,
sends so many bytes as the result of a run that waits, and prints the seconds.
"""

import hashlib
import os
import sys
import time
from itertools import count
from pathlib import Path
from uuid import uuid4

from ptm_node import __version__
from ptm_node.config import read_key
from ptm_node.journal import Output
from ptm_node.messages import Announcement, Claim, Hello, Key, Offer, OfferedDatabase
from ptm_node.sections import Server
from ptm_node.server_api import ServerApi
from ptm_node.uploads import Upload

BLOCK = 1 << 20


def main(url: str, folder: Path, collaboration: int, size: int) -> None:
    path = folder / "result"
    output = fill(path, size)
    instance = str(uuid4())
    api = ServerApi(Server(url=url), read_key(folder / "node.key"), instance)
    released = [OfferedDatabase("default", "csv")]
    offer = Announcement([Offer(collaboration, released)], ["ptm"], "none", 1)
    boot = int(time.time() * 1000)
    known = api.hello(Hello(instance, boot, __version__, 0, [], offer))
    print("ready", flush=True)
    for number, _ in zip(count(known.last_claim + 1), sys.stdin, strict=False):
        [run] = api.claim(Claim(number, 1, [], [], []), wait=10).runs
        print(seconds_to_send(api, run.key, path, output), flush=True)


def fill(path: Path, size: int) -> Output:
    """Write bytes by chance; return what the spool would say of them."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, BLOCK):
            block = os.urandom(min(BLOCK, size - start))
            digest.update(block)
            file.write(block)
        os.fsync(file.fileno())
    return Output(digest.hexdigest(), size, "application/octet-stream")


def seconds_to_send(api: ServerApi, key: Key, path: Path, output: Output) -> float:
    """Until the server has acknowledged the whole."""
    upload = Upload(api.transport, key, path, output, resumed=False)
    start = time.perf_counter()
    while not upload.step():
        pass
    return time.perf_counter() - start


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
