"""Finds what guards a door: by the names that this code base gives to such things."""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Querysets narrowed by who asks: without them, every row.
NARROWING = {
    "events_for",
    "changeable_by",
    "with_own_admin",
    "with_sender",
    "going_on",
    "standing",
    "visible_to",
    "permitted_to",
    "administered_by",
    "answerable_by",
    "shown_to",
    "beside",
    "allowed_before",
    "accepted",
    "in_use",
    "serving",
}
# Questions that are answered with yes or no, and where yes means "may".
QUESTIONS = {
    "may_cancel",
    "may_repeat",
    "hold_consent",
    "administers",
    "includes",
    "matches",
}
# Functions whose every filter is about who asks.
SCOPES = NARROWING | {
    "people_known_to",
    "people_named_to",
    "initiating_organization",
    "addressed_study",
    "require_platform_admin",
    "require_sender",
    "targets",
    "permitted",
    "limit",
    "reasons",
    "granted",
    "own_as_admin",
    "own_organizations",
    "administered_nodes",
    "readable_by",
    "sending_organizations",
    "addressed_organizations",
    "allowed_version",
    "active_versions",
    "find_upload",
    "find_node",
    "_locked_run",
    "_person",
    "answer_as_admin",
    "issue_enrolment_code",
}
# Methods that say whether somebody may: without them, everybody.
DECISIONS = {"open_to", "has_permission", "is_open_for_signup", "_signed_in"}
# Statements that do nothing but refuse.
GUARDS = ("_require", "require_", "check_instance", "refuse_", "_not_ones", "_still_")
# What is raised where somebody is turned away.
REFUSALS = {
    "Forbidden",
    "Missing",
    "NotAuthenticated",
    "AuthenticationFailed",
    "PermissionError",
    "superseded",
    "_stale",
    "_enrolment_refused",
}
# Functions of sockets in which every `if` is about who listens.
LISTENING = {"connect", "hint", "_join", "_ask_rights", "_entitled"}
CLOSING = {
    "django.contrib.auth.middleware.LoginRequiredMiddleware": "django.middleware"
    ".clickjacking.XFrameOptionsMiddleware",
    "rest_framework.permissions.IsAuthenticated": "rest_framework.permissions.AllowAny",
    "apps.accounts.permissions.TokenScopeAllows": "rest_framework.permissions.AllowAny",
}
STANDINGS = {"is_superuser", "is_authenticated", "is_active"}


@dataclass(frozen=True)
class Mutation:
    path: str
    line: int
    function: str
    start: int
    end: int
    before: str
    after: str

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.after.encode() + source[self.end :]

    @property
    def name(self) -> str:
        """Stays the same when lines above it come and go."""
        return f"{self.path} {self.function}: {' '.join(self.before.split())}"

    def __str__(self) -> str:
        before = " ".join(self.before.split())
        return f"{self.path}:{self.line} {self.function}: {before} → {self.after}"


def checks_in(root: Path, path: str) -> list[Mutation]:
    source = (root / path).read_bytes()
    finder = Finder(path, source)
    finder.visit(ast.parse(source))
    return sorted(set(finder.found), key=lambda m: (m.start, m.end, m.after))


class Finder(ast.NodeVisitor):
    def __init__(self, path: str, source: bytes) -> None:
        self.path = path
        self.source = source
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.functions = ["module"]
        self.called: set[int] = set()
        self.found: list[Mutation] = []

    def replace(self, node: ast.AST, after: str, since: ast.AST | None = None) -> None:
        """Note that `node` may be replaced; only what follows `since`, if given."""
        start, end = self._span(node)
        if since is not None:
            start = self._span(since)[1]
        before = self.source[start:end].decode()
        line = self.source[:start].count(b"\n") + 1
        function = self.functions[-1]
        self.found.append(
            Mutation(self.path, line, function, start, end, before, after)
        )

    def _span(self, node: Any) -> tuple[int, int]:
        return (
            self.starts[node.lineno - 1] + node.col_offset,
            self.starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.functions.append(node.name)
        decides = node.name in DECISIONS or (
            node.name.startswith("has_") and node.name.endswith("_permission")
        )
        if decides:
            for statement in ast.walk(node):
                if isinstance(statement, ast.Return) and statement.value:
                    self.replace(statement.value, "True")
        for decorator in node.decorator_list:
            if ast.unparse(decorator).startswith("require_"):
                self.replace(decorator, "(lambda view: view)")
        self.generic_visit(node)
        self.functions.pop()

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        name = _last_name(called)
        self.called.add(id(called))
        if isinstance(called, ast.Attribute) and self._narrows(called):
            self.replace(node, ".all()", since=called.value)
        if name in QUESTIONS:
            self.replace(node, "True")
        if name == "OnlyFromOurPages":
            self.replace(node, ast.unparse(node.args[0]))
        self.generic_visit(node)

    def _narrows(self, called: ast.Attribute) -> bool:
        if called.attr in ("filter", "exclude"):
            return self.functions[-1] in SCOPES
        return called.attr in NARROWING and ast.unparse(called.value) != "shown"

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr in STANDINGS and isinstance(node.ctx, ast.Load):
            self.replace(node, "True")
        elif node.attr in NARROWING and id(node) not in self.called:
            every = f"(lambda reader: {ast.unparse(node.value)}.all())"
            self.replace(node, every)
        self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> None:
        """A role is given what the last one in the table has."""
        most = ast.unparse(node.values[-1]) if node.values else ""
        for key, value in zip(node.keys, node.values, strict=True):
            of_role = key is not None and ast.unparse(key).startswith("Role.")
            if of_role and ast.unparse(value) != most:
                self.replace(value, most)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """What is nothing for whoever may not, is something for them too."""
        otherwise = ast.unparse(node.orelse)
        if otherwise == "NOTHING" or otherwise.endswith(".none()"):
            self.replace(node, ast.unparse(node.body))
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        if _refuses(node) and not ast.unparse(node.test).endswith(" is None"):
            self.replace(node.test, "False")
        elif self.functions[-1] in LISTENING and "consumers" in self.path:
            self.replace(node.test, "True")
            self.replace(node.test, "False")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            name = _last_name(node.value.func)
            if name.startswith(GUARDS):
                self.replace(node, "pass")
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if _last_name(target) == "permission_classes":
                self.replace(node.value, "()")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """A class of the settings that closes what does not open itself."""
        for closing, harmless in CLOSING.items():
            if node.value == closing:
                self.replace(node, f'"{harmless}"')


def _refuses(node: ast.If) -> bool:
    first = node.body[0]
    if not isinstance(first, ast.Raise) or first.exc is None:
        return False
    raised = first.exc.func if isinstance(first.exc, ast.Call) else first.exc
    return _last_name(raised) in REFUSALS


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
