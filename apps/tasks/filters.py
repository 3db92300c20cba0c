from typing import Any

import django_filters
from django.http import QueryDict
from django_filters.utils import translate_validation

from apps.tasks.choices import RunStatus, TaskStatus
from apps.tasks.models import Run, Task
from apps.tasks.newest import Conditions
from ptm_site.filters import IdFilter

NOTHING = (None, "")


class TaskFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=TaskStatus.choices)
    collaboration = IdFilter()
    organization = IdFilter(help_text="The initiating organization.")
    initiator = IdFilter()
    name = django_filters.CharFilter(lookup_expr="icontains")

    class Meta:
        model = Task
        fields = ("status", "collaboration", "organization", "initiator", "name")


def conditions_of(query: QueryDict) -> Conditions:
    """Return what the query asks of a task's own columns."""
    filters = TaskFilter(query, queryset=Task.objects.none())
    if not filters.is_valid():
        error: Any = translate_validation(filters.errors)
        raise error
    lookups = {
        name: f"{each.field_name}__{each.lookup_expr}".removesuffix("__exact")
        for name, each in filters.filters.items()
    }
    values = filters.form.cleaned_data.items()
    return {lookups[name]: value for name, value in values if value not in NOTHING}


class RunFilter(django_filters.FilterSet):
    task = IdFilter()
    organization = IdFilter()
    status = django_filters.ChoiceFilter(choices=RunStatus.choices)
    current = django_filters.BooleanFilter(field_name="is_current")

    class Meta:
        model = Run
        fields = ("task", "organization", "status", "current")
