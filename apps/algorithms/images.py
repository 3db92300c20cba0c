"""References to images: `host[:port]/path[:tag][@sha256:…]`."""

import re
from dataclasses import dataclass

from apps.errors import Invalid

REFERENCE = re.compile(
    r"(?P<host>[a-zA-Z0-9.-]+(?::[0-9]{1,5})?)/"
    r"(?P<path>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
MAX_LENGTH = 500


@dataclass(frozen=True)
class ImageReference:
    host: str
    path: str
    tag: str | None
    digest: str | None

    @property
    def repository(self) -> str:
        return f"{self.host}/{self.path}"

    @classmethod
    def parse(cls, text: str) -> "ImageReference":
        match = REFERENCE.fullmatch(text) if len(text) <= MAX_LENGTH else None
        if match is None:
            raise Invalid(
                "image", "image_invalid", "Write an image as host/name:tag@sha256:…"
            )
        return cls(match["host"], match["path"], match["tag"], match["digest"])
