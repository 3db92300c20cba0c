"""Things that many tests need, in their plainest form."""

import hashlib
from typing import Any

from msgspec.structs import replace
from ptm_node.messages import Assignment, Key, Label, Named, Task


def assignment(
    key: Key, image: str, *, labels: tuple[str, ...] = (), **changes: Any
) -> Assignment:
    plain = Assignment(
        run=key.run,
        attempt=key.attempt,
        task=Task(
            id=4,
            name="Summary of age",
            collaboration=Named(1, "Breast cancer"),
            organization=Named(2, "elsewhere"),
        ),
        image=image,
        contract="ptm",
        function="summary",
        function_type="partial",
        databases=[Label(label) for label in labels],
        input=b"{}",
        input_sha256=hashlib.sha256(b"{}").hexdigest(),
    )
    return replace(plain, **changes)
