"""Texts in CSV files: what a stranger wrote never runs as a spreadsheet's formula."""

import re

# Excel reads UTF-8 only with it; scripts that mind take the JSON instead.
BYTE_ORDER_MARK = "\ufeff"
# What spreadsheets take for a formula, also where they drop what is invisible, and in
# the wide characters of East Asian keyboards (OWASP, "CSV Injection").
FORMULA = re.compile("[\\s\ufeff\u200b\x00]*[=+\\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
QUOTE = "'"


def harmless(text: str) -> str:
    """A text that could be a formula becomes plainly a text."""
    return f"{QUOTE}{text}" if _could_run(text) else text


def as_written(text: str) -> str:
    """Undo `harmless`, exactly: what was exported comes back as it was."""
    if text.startswith(QUOTE) and _could_run(text):
        return text.removeprefix(QUOTE)
    return text


def _could_run(text: str) -> bool:
    return FORMULA.match(text.lstrip(QUOTE)) is not None
