"""What a node says of itself in its hello, checked before it is believed."""

from dataclasses import dataclass
from typing import Any

from rest_framework import serializers

from apps.nodes.choices import LABEL, Contract, DatabaseType
from apps.nodes.site_policy import PolicySerializer
from ptm_site.filters import MAX_ID


class DatabaseSerializer(serializers.Serializer[Any]):
    # DRF names a field's title `label`; ours is the database's label.
    label = serializers.RegexField(LABEL)  # type: ignore[assignment]
    type = serializers.ChoiceField(choices=DatabaseType.choices)


class ServedCollaborationSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(min_value=1, max_value=MAX_ID)
    databases = DatabaseSerializer(many=True, default=list)

    def validate_databases(self, databases: list[dict[str, Any]]) -> Any:
        return _each_once(databases, "label")


class AnnouncementSerializer(serializers.Serializer[Any]):
    collaborations = ServedCollaborationSerializer(many=True)
    contracts = serializers.ListField(
        child=serializers.ChoiceField(choices=Contract.choices), max_length=10
    )
    runtime = serializers.CharField(max_length=100, allow_blank=True, default="")
    concurrent_runs = serializers.IntegerField(min_value=1, max_value=1000, default=1)

    policy = PolicySerializer(allow_null=True, default=None)

    def validate_collaborations(self, collaborations: list[dict[str, Any]]) -> Any:
        return _each_once(collaborations, "id")


def _each_once(entries: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    if len({entry[name] for entry in entries}) < len(entries):
        raise serializers.ValidationError(f"Name each {name} once.")
    return entries


@dataclass(frozen=True)
class Hello:
    """A daemon's start: which instance, the how-many-eth, and what it offers."""

    instance: str
    boot: int
    version: str
    announcement: dict[str, Any]
