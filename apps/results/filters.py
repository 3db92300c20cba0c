import django_filters

from apps.results.models import Result


class ResultFilter(django_filters.FilterSet):
    task = django_filters.NumberFilter(field_name="run__task")
    run = django_filters.NumberFilter()
    current = django_filters.BooleanFilter(field_name="run__is_current")

    class Meta:
        model = Result
        fields = ("task", "run", "current")
