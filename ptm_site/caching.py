"""What stands in Redis is data: whoever can write there cannot make us run code."""

import json
from typing import Any


class JSONSerializer:
    """In the place of Django's, which reads pickles."""

    def dumps(self, value: Any) -> int | bytes:
        # Redis counts whole numbers itself.
        return value if type(value) is int else json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)
