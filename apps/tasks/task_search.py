"""Which tasks the list shows: what the address asks for, newest first."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from apps.accounts.models import User
from apps.algorithms.models import Algorithm
from apps.collaborations.models import Collaboration
from apps.organizations.models import Organization
from apps.tasks.choices import TaskStatus
from apps.tasks.models import Task
from apps.tasks.newest import Conditions, Search
from ptm_site.forms import PortalForm
from ptm_site.paging import PAGE_SIZE, Page, at_place, id_in, page_of

# No index leads to the tasks that meet these, and they may be few: a page looks
# through so many tasks, says so, and offers to go on.
SEARCHED = ("q", "status", "algorithm")
LOOKED_THROUGH = 10_000


class TaskSearchForm(PortalForm):
    q = forms.CharField(
        label="Name contains",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    status = forms.ChoiceField(
        label="State", required=False, choices=[("", "Any"), *TaskStatus.choices]
    )
    collaboration = forms.ChoiceField(required=False)
    organization = forms.ChoiceField(label="Sent for", required=False)
    algorithm = forms.ChoiceField(required=False)
    mine = forms.BooleanField(label="Only mine", required=False)

    def __init__(self, user: User, data: QueryDict) -> None:
        super().__init__(data)
        self.user = user
        self.collaborations = list(
            Collaboration.objects.visible_to(user).order_by("name")
        )
        self._offer("collaboration", self.collaborations)
        self._offer("organization", Organization.objects.visible_to(user))
        self._offer("algorithm", Algorithm.objects.visible_to(user))
        self.full_clean()

    def _offer(self, name: str, things: Iterable[Any]) -> None:
        named = sorted((thing.name, str(thing.pk)) for thing in things)
        field: Any = self.fields[name]
        field.error_messages["invalid_choice"] = "Choose one of the list."
        field.choices = [("", "Any"), *((pk, text) for text, pk in named)]

    @property
    def filters(self) -> dict[str, Any]:
        """What is asked for; what cannot be understood is not."""
        return {name: value for name, value in self.cleaned_data.items() if value}

    def address(self, path: str) -> str:
        """The list with these filters, and nothing of those that are not set."""
        query = urlencode({name: self.data[name] for name in self.filters})
        return f"{path}?{query}" if query else path

    def conditions(self) -> Conditions:
        filters = self.filters
        found: Conditions = {
            name: int(filters[name])
            for name in ("collaboration", "organization")
            if name in filters
        }
        meaning: dict[str, Conditions] = {
            "q": {"name__icontains": filters.get("q")},
            "status": {"status": filters.get("status")},
            "algorithm": {"version__algorithm": filters.get("algorithm")},
            "mine": {"initiator": self.user},
        }
        for name in meaning.keys() & filters.keys():
            found.update(meaning[name])
        return found


@dataclass(frozen=True)
class Found:
    """A page of tasks; `further` is the query string that goes on looking."""

    page: Page[Task]
    further: str = ""


def find_tasks(user: User, form: TaskSearchForm, query: QueryDict) -> Found:
    conditions = form.conditions()
    before, after = id_in(query, "before"), id_in(query, "after")
    floor = 0
    if form.filters.keys() & set(SEARCHED):
        floor = _bound(conditions, before, after)
    upwards = after is not None
    search = Search(user, conditions, after if upwards else before, upwards)
    page = page_of(_with_names(search.near()), query)
    if not (page.previous if upwards else page.next):
        page = page_of(_with_names(search.all(PAGE_SIZE + 1)), query)
    further = "" if page.next or floor <= 1 else at_place(query, "before", floor)
    return Found(page, further)


def _with_names(tasks: QuerySet[Task]) -> QuerySet[Task]:
    named = tasks.select_related(
        "collaboration", "organization", "initiator", "version__algorithm"
    )
    return named.defer("version__manifest")


def _bound(conditions: Conditions, before: int | None, after: int | None) -> int:
    """Look through so many tasks only; return the oldest of them, 0 going up."""
    if after is not None:
        conditions["pk__lte"] = after + LOOKED_THROUGH
        return 0
    newest = Task.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    floor = (newest + 1 if before is None else before) - LOOKED_THROUGH
    conditions["pk__gte"] = floor
    return floor
