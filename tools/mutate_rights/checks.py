"""Finds what guards a door: by the names that this code base gives to such things."""

import ast
from pathlib import Path
from typing import Any

from tools.mutate_rights import names
from tools.mutate_rights.mutation import Mutation, Place

ENDS = (ast.Raise, ast.Return, ast.Continue)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def checks_in(root: Path, path: str) -> list[Mutation]:
    source = (root / path).read_bytes()
    finder = Finder(path, source)
    finder.visit(ast.parse(source))
    return sorted(set(finder.found), key=lambda m: (m.start, m.end, m.after))


class Places(ast.NodeVisitor):
    """Knows where a node stands, and notes what may stand there instead."""

    def __init__(self, path: str, source: bytes) -> None:
        self.path = path
        self.source = source
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.functions = ["module"]
        self.bodies: list[Place] = []
        self.statement = (0, 0)
        self.found: list[Mutation] = []

    def replace(self, node: ast.AST, after: str, since: ast.AST | None = None) -> None:
        """Note that `node` may be replaced; only what follows `since`, if given."""
        start, end = self._span(node)
        if since is not None:
            start = self._span(since)[1]
        before = self.source[start:end].decode()
        line = self.source[:start].count(b"\n") + 1
        place = self.function, tuple(self.bodies), self.statement
        self.found.append(Mutation(self.path, line, *place, start, end, before, after))

    @property
    def function(self) -> str:
        return self.functions[-1]

    def visit(self, node: ast.AST) -> None:
        around = self.statement
        if isinstance(node, ast.stmt):
            self.statement = node.lineno, node.col_offset
        super().visit(node)
        self.statement = around

    def _span(self, node: Any) -> tuple[int, int]:
        return (
            self.starts[node.lineno - 1] + node.col_offset,
            self.starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: Function) -> None:
        self.functions.append(node.name)
        for decorator in node.decorator_list:
            self.decorated(decorator)
        for around in (*node.decorator_list, node.args):
            self.visit(around)
        first = min(part.lineno for part in (node, *node.decorator_list))
        self.bodies.append((node.name, first))
        for statement in node.body:
            self.visit(statement)
        self.bodies.pop()
        self.functions.pop()

    def decorated(self, decorator: ast.expr) -> None:
        """A decorator of the function that is being visited."""


class Finder(Places):
    def __init__(self, path: str, source: bytes) -> None:
        super().__init__(path, source)
        self.called: set[int] = set()

    def decorated(self, decorator: ast.expr) -> None:
        if ast.unparse(decorator).startswith("require_"):
            self.replace(decorator, "(lambda view: view)")

    def visit_Return(self, node: ast.Return) -> None:
        of_django = self.function.startswith("has_") and self.function.endswith(
            "_permission"
        )
        if node.value is not None:
            if of_django or self.function in names.DECISIONS:
                for part in _parts(node.value, ast.And):
                    self.replace(part, "True")
            if self.function in names.DENIALS:
                self.replace(node.value, "False")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called, name = node.func, _last_name(node.func)
        self.called.add(id(called))
        if isinstance(called, ast.Attribute) and self._narrows(node, called):
            self.replace(node, ".all()", since=called.value)
        if name in ("filter", "get", "get_or_create", "Q"):
            self._conditions(node)
        if name in names.NARROWED:
            self.replace(node, f"{ast.unparse(node)}.model._default_manager.all()")
        if name in names.QUESTIONS:
            self.replace(node, "True")
        if name in names.LESSENING:
            self.replace(node, ast.unparse(node.args[-1]))
        self.generic_visit(node)

    def _narrows(self, node: ast.Call, called: ast.Attribute) -> bool:
        if self._asked_again:
            return False
        if called.attr in ("filter", "exclude"):
            alone = len(node.keywords) == 1 and _about_asker(node.keywords[0])
            return self.function in names.SCOPES or alone
        return called.attr in names.NARROWING and ast.unparse(called.value) != "shown"

    def _conditions(self, node: ast.Call) -> None:
        """Several at once: each of them may go."""
        if len(node.args) + len(node.keywords) < 2:
            return
        for keyword in node.keywords:
            in_scope = self.function in names.SCOPES and keyword.arg not in names.WHICH
            if (in_scope or _about_asker(keyword)) and not self._asked_again:
                left = [*node.args, *(k for k in node.keywords if k is not keyword)]
                said = ", ".join(map(ast.unparse, left))
                self.replace(node, f"({said})", since=node.func)

    @property
    def _asked_again(self) -> bool:
        return self.function in names.ASKED_AGAIN

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.BitAnd) and self.function in names.SCOPES:
            self.replace(node, f"({ast.unparse(node.left)})")
            self.replace(node, f"({ast.unparse(node.right)})")
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        if self.function in names.SCOPES:
            for condition in node.ifs:
                self.replace(condition, "True")
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        of = ast.unparse(node.value)
        if node.attr in names.STANDINGS and isinstance(node.ctx, ast.Load):
            self.replace(node, "True")
        elif node.attr in names.NARROWING and id(node) not in self.called:
            self.replace(node, f"(lambda reader: {of}.all())")
        elif node.attr in names.OWN_ROWS and _names_asker(node.value):
            self.replace(node, f"{of}.{node.attr}.model.objects")
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in names.NARROWED and id(node) not in self.called:
            every = f"{node.id}(reader).model._default_manager.all()"
            self.replace(node, f"(lambda reader: {every})")

    def visit_Dict(self, node: ast.Dict) -> None:
        """A role is given what the last one in the table has."""
        most = ast.unparse(node.values[-1]) if node.values else ""
        for key, value in zip(node.keys, node.values, strict=True):
            of_role = key is not None and ast.unparse(key).startswith("Role.")
            if of_role and ast.unparse(value) != most:
                self.replace(value, most)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """Who has no right to anything is given what others have."""
        if ast.unparse(node.orelse) == "NOTHING" and "GRANTS" in ast.unparse(node.body):
            self.replace(node, ast.unparse(node.body))
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        ends = isinstance(node.body[-1], ENDS)
        refuses = _refuses(node) or (self.function in names.REFUSING and ends)
        if self.function in names.LISTENING and Path(self.path).stem in names.SOCKETS:
            self.replace(node.test, "True")
            refuses = True
        if refuses:
            for part in _parts(node.test, ast.Or):
                if not ast.unparse(part).endswith(" is None"):
                    self.replace(part, "False")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            name = _last_name(node.value.func)
            if name.startswith(names.GUARDS):
                self.replace(node, "pass")
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self._assigned(_last_name(node.targets[0]), node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assigned(_last_name(node.target), node.value)
        self.generic_visit(node)

    def _assigned(self, name: str, value: ast.expr) -> None:
        if name == "permission_classes":
            self.replace(value, "()")
        if name == "scopes":
            for part in ast.walk(value):
                if _last_name(part) in ("ADMIN", "TASKS"):
                    self.replace(part, "TokenScope.READ")

    def visit_Constant(self, node: ast.Constant) -> None:
        """A class of the settings that closes what does not open itself."""
        for closing, harmless in names.CLOSING.items():
            if node.value == closing:
                self.replace(node, f'"{harmless}"')


def _about_asker(keyword: ast.keyword) -> bool:
    return keyword.arg not in (None, *names.WHICH) and _names_asker(keyword.value)


def _names_asker(value: ast.expr) -> bool:
    return any(_last_name(part) in names.ASKERS for part in ast.walk(value))


def _parts(test: ast.expr, operator: type[ast.boolop]) -> list[ast.expr]:
    """What stands between the `and` or `or`; all of it, if there is none."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, operator):
        return test.values
    return [test]


def _refuses(node: ast.If) -> bool:
    first = node.body[0]
    if not isinstance(first, ast.Raise) or first.exc is None:
        return False
    raised = first.exc.func if isinstance(first.exc, ast.Call) else first.exc
    return _last_name(raised) in names.REFUSALS


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
