"""What can happen to a platform's parts."""

import contextlib
import os
import signal
from collections.abc import Iterator

from docker.errors import ImageNotFound

from tools.rig.platform import Platform


@contextlib.contextmanager
def frozen(process: int) -> Iterator[None]:
    """Whoever asks the process waits until the block has ended."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def forget_images(platform: Platform) -> None:
    """Make the next run of any image ask the registry for it."""
    for image in platform.world.images:
        with contextlib.suppress(ImageNotFound):
            platform.engine.images.remove(image)
