"""Returns bytes that no second container could return, and that tell if any is wrong.

The first line has the container's id, as far as the engine tells it, a nonce, and the
sum of what follows.
"""

import hashlib
import json
import os
import secrets
import socket
import sys
import time
from pathlib import Path

BLOCK = 1 << 20


def nonce(*, seconds: float = 0.0, size: int = 0, status: int = 0) -> int:
    made_by = f"{socket.gethostname()} {secrets.token_hex(16)}"
    filling = hashlib.sha256()
    time.sleep(seconds)
    with Path(os.environ["OUTPUT_FILE"]).open("wb") as output:
        # The first line is written twice: the sum is as long before it is known.
        output.write(f"{made_by} {filling.hexdigest()}\n".encode())
        for start in range(0, size, BLOCK):
            block = os.urandom(min(BLOCK, size - start))
            filling.update(block)
            output.write(block)
        output.seek(0)
        output.write(f"{made_by} {filling.hexdigest()}\n".encode())
    return status


if __name__ == "__main__":
    call = json.loads(Path(os.environ["INPUT_FILE"]).read_text("utf-8"))
    sys.exit(nonce(**call.get("kwargs", {})))
