"""Text of a stranger, for a terminal or a log."""


def printable(text: str) -> str:
    """Nothing in it can steer: control and direction marks are spelled."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )
