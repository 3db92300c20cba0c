"""Image names, as the server sends them and as a site's patterns match them."""

import re
from fnmatch import fnmatchcase
from typing import NamedTuple

_IMAGE = re.compile(
    r"(?P<repository>[a-z0-9][a-z0-9.-]*(:[0-9]{1,5}(?=/))?"
    r"(/[a-z0-9]+([._-]+[a-z0-9]+)*)*)"
    r"(:[\w][\w.-]{0,127})?@(?P<digest>sha256:[0-9a-f]{64})",
    re.ASCII,
)


class Image(NamedTuple):
    """An exact image. The tag is left out: it could say something else."""

    repository: str
    digest: str

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"

    def matches(self, pattern: str) -> bool:
        """Whether the pattern names it: a repository, * for anything, or a digest too.

        `host/ptm/*` is every image there, `host/ptm/summary@sha256:…` just this one.
        """
        repository, _, digest = pattern.partition("@")
        return fnmatchcase(self.repository, repository) and digest in ("", self.digest)


def parse_image(text: str) -> Image | None:
    """The image, unless the text is anything but a name with a digest."""
    match = _IMAGE.fullmatch(text)
    return Image(match["repository"], match["digest"]) if match else None
