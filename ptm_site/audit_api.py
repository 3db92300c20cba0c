"""The audit for scripts: each reader's own part, newest first."""

from typing import Any

import django_filters
from rest_framework import serializers
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.audit.choices import ActorKind
from apps.audit.models import Event
from ptm_site.audit_scope import events_for
from ptm_site.filters import IdFilter
from ptm_site.requests import user_of


class EventFilter(django_filters.FilterSet):
    action = django_filters.CharFilter()
    actor_kind = django_filters.ChoiceFilter(choices=ActorKind.choices)
    actor = IdFilter(field_name="actor_id")
    object_type = django_filters.CharFilter()
    object = IdFilter(field_name="object_id")
    organization = IdFilter(field_name="organization_id")
    collaboration = IdFilter(field_name="collaboration_id")
    request_id = django_filters.CharFilter()
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")

    class Meta:
        model = Event
        fields = (
            "action",
            "actor_kind",
            "actor",
            "object_type",
            "object",
            "organization",
            "collaboration",
            "request_id",
            "since",
        )


class EventSerializer(serializers.ModelSerializer[Event]):
    actor = serializers.IntegerField(source="actor_id", allow_null=True)
    object = serializers.IntegerField(source="object_id", allow_null=True)
    organization = serializers.IntegerField(source="organization_id", allow_null=True)
    collaboration = serializers.IntegerField(source="collaboration_id", allow_null=True)
    details = serializers.DictField()
    number = serializers.IntegerField(
        allow_null=True, help_text="In the chain; none until the worker has come by."
    )

    class Meta:
        model = Event
        fields = (
            "id",
            "at",
            "actor_kind",
            "actor",
            "action",
            "object_type",
            "object",
            "organization",
            "collaboration",
            "details",
            "request_id",
            "number",
            "hash",
        )


class EventViewSet(ReadOnlyModelViewSet[Event]):
    """Who did what, as far as it concerns what you answer for; others see nothing."""

    serializer_class = EventSerializer
    queryset = Event.objects.none()
    filterset_class = EventFilter
    lookup_value_converter = "int"

    def get_queryset(self) -> Any:
        return events_for(user_of(self.request))
