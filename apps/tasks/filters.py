import django_filters

from apps.tasks.choices import RunStatus, TaskStatus
from apps.tasks.models import Run, Task
from ptm_site.filters import IdFilter


class TaskFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=TaskStatus.choices)
    collaboration = IdFilter()
    organization = IdFilter(help_text="The initiating organization.")
    initiator = IdFilter()
    name = django_filters.CharFilter(lookup_expr="icontains")

    class Meta:
        model = Task
        fields = ("status", "collaboration", "organization", "initiator", "name")


class RunFilter(django_filters.FilterSet):
    task = IdFilter()
    organization = IdFilter()
    status = django_filters.ChoiceFilter(choices=RunStatus.choices)
    current = django_filters.BooleanFilter(field_name="is_current")

    class Meta:
        model = Run
        fields = ("task", "organization", "status", "current")
