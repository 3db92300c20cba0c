"""What the doctor found: a sentence, and one that says what to do about it."""

from enum import StrEnum

from msgspec import Struct


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"  # runs go on, but somebody should know
    FAILED = "failed"  # some or all runs cannot succeed


class Finding(Struct, frozen=True):
    check: str
    level: Level
    what: str
    remedy: str = ""


def ok(check: str, what: str) -> Finding:
    return Finding(check, Level.OK, what)


def warning(check: str, what: str, remedy: str) -> Finding:
    return Finding(check, Level.WARNING, what, remedy)


def failed(check: str, what: str, remedy: str) -> Finding:
    return Finding(check, Level.FAILED, what, remedy)


def in_words(findings: list[Finding]) -> str:
    lines = []
    for each in findings:
        lines.append(f"{each.level:<8} {each.check}: {each.what}.")
        if each.remedy:
            lines.append(f"{'':<8} → {each.remedy}.")
    return "\n".join(lines)
