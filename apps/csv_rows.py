"""Lines of a file: what each would do, and what is wrong with it."""

from abc import ABCMeta, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from import_export import fields, resources, widgets
from import_export.declarative import DeclarativeMetaclass
from import_export.instance_loaders import BaseInstanceLoader
from tablib import Dataset

from apps.csv_files import LINE, Columns
from apps.errors import Refusal
from apps.formulas import harmless

SAME, WRONG = "unchanged", "wrong"


@dataclass
class Line:
    """One line of the file, and what it would do."""

    number: int
    cells: dict[str, str]
    kind: str = WRONG
    earlier: str = ""
    errors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def faults(self) -> list[tuple[str, str, list[str]]]:
        """Each column that is wrong, what stands in it, and why it is wrong."""
        return [
            (column, cell, self.errors[column])
            for column, cell in self.cells.items()
            if column in self.errors
        ]

    @property
    def agreed(self) -> str:
        """What a person agrees to who has seen this line."""
        return f"{self.kind}:{self.earlier}"


class _Cell(widgets.Widget):
    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return harmless(str(value))


def column(name: str, attribute: str) -> fields.Field:
    return fields.Field(attribute, name, _Cell())


L = TypeVar("L", bound=Line)


class _AbstractResource(ABCMeta, DeclarativeMetaclass):
    """Makes a class that is both: a resource, and abstract."""


class Rows(resources.Resource, Generic[L], metaclass=_AbstractResource):
    """Exports objects; imports lines, all or none, and deletes nothing."""

    columns: ClassVar[Columns]

    class Meta:
        instance_loader_class = BaseInstanceLoader
        skip_diff = True
        report_skipped = True
        clean_model_instances = False

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[L] = []

    @abstractmethod
    def line_of(self, number: int, cells: dict[str, str]) -> L:
        """Find what the line is about."""

    @abstractmethod
    def errors_of(self, line: L) -> dict[str, list[str]]:
        """What is wrong with it, by its columns."""

    @abstractmethod
    def kind_of(self, line: L) -> str:
        """What it would do, where nothing is wrong with it."""

    @abstractmethod
    def carry_out(self, line: L) -> None:
        """Call the service."""

    def get_instance(self, instance_loader: Any, row: dict[str, Any]) -> L | None:
        cells = {name: str(row[name]) for name in self.columns.names}
        line = self.line_of(int(row[LINE]), cells)
        self.lines.append(line)
        return line if line.earlier else None

    def init_instance(self, row: Any = None) -> L:
        return self.lines[-1]

    def import_instance(self, line: L, row: Any, **kwargs: Any) -> None:
        if errors := self.errors_of(line):
            raise ValidationError(errors)

    def skip_row(self, line: L, original: Any, row: Any, errors: Any = None) -> bool:
        """Nothing is done for a line that says what is so already."""
        line.kind = WRONG if errors else self.kind_of(line)
        return line.kind == SAME

    def do_instance_save(self, line: L, is_create: bool) -> None:
        try:
            self.carry_out(line)
        except Refusal as refusal:
            raise ValidationError(
                refusal.errors or {"organization": [refusal.detail]}
            ) from refusal

    def save_instance(self, line: L, is_create: bool, row: Any, **kw: Any) -> None:
        """A preview stops here: nothing is written to be taken back."""
        if not kw["dry_run"]:
            self.do_instance_save(line, is_create)

    def run(self, rows: Dataset, *, dry_run: bool) -> list[L]:
        """Return the lines with what is done, or in a dry run would be."""
        result = self.import_data(
            rows,
            dry_run=dry_run,
            use_transactions=True,
            rollback_on_validation_errors=True,
        )
        for found in [
            *result.base_errors,
            *(e for _, es in result.row_errors() for e in es),
        ]:
            raise found.error
        for line, row in zip(self.lines, result.rows, strict=True):
            if row.validation_error is not None:
                line.kind, line.errors = WRONG, row.validation_error.message_dict
        return self.lines

    def text_of(self, found: QuerySet[Any]) -> str:
        """As CSV, with headings that an import understands."""
        text: str = self.export(found).export("csv")
        return text
