"""Which checks a test runs through: the product says so itself, by probes in it."""

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.mutate_rights.mutation import Mutation
from tools.mutate_rights.patching import Functions, compiled, give

NAME = "_mutate_rights_reached"
# What was run through: the numbers of mutations, and the files of functions.
reached: set[int | str] = set()


@contextmanager
def probes(
    root: Path, mutations: dict[int, Mutation], functions: Functions
) -> Iterator[None]:
    """Let functions note that they run, and each statement with a mutation too."""
    setattr(builtins, NAME, reached.add)
    before = []
    for path in sorted({mutation.path for mutation in mutations.values()}):
        file = root / path
        tree = ast.parse(file.read_bytes())
        Probes(path, mutations).visit(tree)
        codes = compiled(ast.fix_missing_locations(tree), str(file))
        before += [(each, each.__code__) for each in functions[str(file)]]
        give(functions[str(file)], codes)
    yield
    for function, code in before:
        function.__code__ = code


class Probes(ast.NodeTransformer):
    def __init__(self, path: str, mutations: dict[int, Mutation]) -> None:
        self.path = path
        self.numbers: dict[tuple[int, int], list[int]] = defaultdict(list)
        for number, mutation in mutations.items():
            if mutation.path == path and mutation.bodies:
                self.numbers[mutation.statement].append(number)

    def visit(self, node: ast.AST) -> Any:
        super().generic_visit(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body.insert(0, _probe(self.path))
        if not isinstance(node, ast.stmt):
            return node
        numbers = self.numbers[node.lineno, node.col_offset]
        return [*map(_probe, numbers), node]


def _probe(what: int | str) -> ast.stmt:
    (statement,) = ast.parse(f"{NAME}({what!r})").body
    return statement
