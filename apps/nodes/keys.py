"""Random texts `<kind>_<prefix>_<secret>`: looked up by prefix, compared by hash."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

SHAPE = re.compile(r"(ptm[ne])_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class Key:
    text: str
    kind: str
    prefix: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def matches(self, sha256: str) -> bool:
        return hmac.compare_digest(self.sha256, sha256)

    @classmethod
    def generate(cls, kind: str) -> "Key":
        prefix = secrets.token_hex(6)
        return cls(f"{kind}_{prefix}_{secrets.token_urlsafe(32)}", kind, prefix)

    @classmethod
    def parse(cls, text: str) -> "Key | None":
        if match := SHAPE.fullmatch(text):
            return cls(text, match[1], match[2])
        return None
