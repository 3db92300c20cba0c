import django_filters

from apps.results.models import Result
from ptm_site.filters import IdFilter


class ResultFilter(django_filters.FilterSet):
    task = IdFilter(field_name="run__task")
    run = IdFilter()
    current = django_filters.BooleanFilter(field_name="run__is_current")

    class Meta:
        model = Result
        fields = ("task", "run", "current")
