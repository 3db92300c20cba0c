"""Tries one line of a table as one reader, and says where the answers are others."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.rights.answers import lists, same, word_of
from tests.rights.conftest import Stage
from tests.rights.doors import PLACE
from tests.rights.readers import Answer, Reader, ask
from tests.rights.requests import sent
from tests.rights.stage import missing
from tools.permissions.table import Row, rows_of

NUMBER = re.compile(r"\d{9,}")
# A node may name any run and collaboration: it is told which are not its own.
FREE = ("held_run", "collaboration")
KEPT = {"attempt", "agreed", "agreed_parties"}  # part of the question, and no object


def cases(*areas: str) -> list[Any]:
    """Each line of these tables, with each of its methods."""
    return [
        pytest.param(row, method, id=f"{method} {row.name.partition(' ')[2]}")
        for area in areas
        for row in rows_of(area)
        for method in row.methods
    ]


def faults_of(stage: Stage, row: Row, method: str) -> list[str]:
    return [
        f"{name}: {fault}"
        for name in row.cells
        for fault in Trial(stage, row, method, stage.readers[name]).faults()
    ]


class Trial:
    """One row and method, as one reader."""

    def __init__(self, stage: Stage, row: Row, method: str, reader: Reader) -> None:
        self.stage, self.row, self.method, self.reader = stage, row, method, reader
        self.expected = row.cells[reader.name]
        self.own = {**stage.own.things, **reader.facts()}
        self.foreign = stage.rival.things
        if reader.is_rival:  # a code lets in whoever has it
            self.own["code"] = self.foreign["code"]
        self.in_path = set(PLACE.findall(row.path)) - KEPT

    def ask(self, changes: Mapping[str, Any], named: str = "") -> Answer:
        things = {**self.own, **changes}
        path = self.row.path.format(**(self.own if named else things))
        what = sent(self.method, path, things, named)
        key = (self.reader.name, self.method, path, what)
        if key not in self.stage.answers:
            self.stage.answers[key] = ask(self.reader, self.method, path, what)
        return self.stage.answers[key]

    def targets(self) -> list[tuple[set[str], str]]:
        """What can be another world's: all in the address at once, then each name."""
        in_path = [(self.in_path, "")] if self.in_path else []
        if len(self.in_path) > 1 and not self.reader.sees_all:
            in_path += [({name}, "") for name in sorted(self.in_path)]
        return in_path + [({name}, name) for name in self.row.named]

    def faults(self) -> Iterator[str]:
        yield from self._own()
        for names, named in self.targets():
            yield from self._others(names, named)

    def _own(self) -> Iterator[str]:
        answer = self.ask({})
        word = word_of(answer)
        if word == "yes" and self.row.listed in self.own:
            path = self.row.path.format(**self.own)
            if not lists(answer, path, self.own[self.row.listed]):
                word = "void"
        if word in ("hide", "unfit") and self.targets():
            names, named = self.targets()[0]
            nothing = self.ask({name: missing(name) for name in names}, named)
            ids = {self.own[name]: missing(name) for name in names}
            if same(answer, nothing, ids):
                word = "hide"
            elif word == "hide":
                word = "404 but not as missing"
        if word != self.expected:
            yield f"{word} instead of {self.expected}"
        if answer.changed and self.expected not in ("yes", "void"):
            yield "is refused, but something is stored"
        if word != "hide" and not self.reader.sees_all and self._leaks(answer.text):
            yield "shows something of the rival world"
        yield from self._listed(answer)

    def _leaks(self, text: str) -> bool:
        """Whether a name, or a number that was not asked for, is of the other world."""
        theirs = self.stage.own if self.reader.is_rival else self.stage.rival
        asked = {str(self.own[name]) for name in (*self.in_path, *FREE)}
        found = theirs.ids & set(NUMBER.findall(text)) - asked
        return bool(found) or any(word in text.lower() for word in theirs.words)

    def _listed(self, answer: Answer) -> Iterator[str]:
        """A list holds no foreign row, and the rival's own never ours."""
        if self.expected not in ("yes", "void") or self.row.listed not in self.own:
            return
        path = self.row.path.format(**self.own)
        if not self.reader.is_rival:
            shown = lists(answer, path, self.foreign[self.row.listed])
            all_of_it = self.reader.sees_all and self.expected == "yes"
            if shown != (all_of_it and not self.in_path and "?" not in path):
                yield "the rival's row is wrongly listed or left out"

    def _others(self, names: set[str], named: str) -> Iterator[str]:
        nothing = self.ask({name: missing(name) for name in names}, named)
        about = named or "the object"
        if self.expected == "sign":
            if not nothing.to_sign_in:
                yield f"does not ask to sign in where {about} is missing"
        elif self._status_is_told(names, named) and nothing.status != self._missing(
            named
        ):
            yield f"{nothing.status} where {about} is missing"
        if self.reader.is_rival or (self.reader.sees_all and named):
            return
        foreign = self.ask({name: self.foreign[name] for name in names}, named)
        if self.reader.sees_all and self.expected != "hide":
            if not self.row.named and word_of(foreign) not in (self.expected, "yes"):
                yield f"{word_of(foreign)} where the object is of another world"
            return
        ids = {self.foreign[name]: missing(name) for name in names}
        if not same(foreign, nothing, ids):
            codes = f"{foreign.status} is not {nothing.status}"
            yield f"{about}: foreign is not as missing, or {codes}"

    def _status_is_told(self, names: set[str], named: str) -> bool:
        """Those who may not at all are refused before it is looked for."""
        whole = named or names == self.in_path
        return (whole and self._missing(named) == 404) or self.expected in (
            "yes",
            "void",
        )

    def _missing(self, named: str) -> int:
        of_path, _, of_body = self.row.missing.partition(",")
        return int(of_body if named and of_body else of_path)
