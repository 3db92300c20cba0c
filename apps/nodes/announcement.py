"""What a node says of itself in its hello, checked before it is believed.

A newer node may have kinds of databases, columns and contracts that this server has
no word for. They are left out: of the rest it can be of use.
"""

import unicodedata
from dataclasses import dataclass
from typing import Any

from rest_framework import serializers

from apps.nodes.choices import LABEL, ColumnType, Contract, DatabaseType
from apps.nodes.site_policy import PolicySerializer
from ptm_site.filters import MAX_ID

MOST_COLUMNS = 2000


class ColumnSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200, trim_whitespace=False)
    type = serializers.RegexField(LABEL)

    def validate_name(self, name: str) -> str:
        """People read it: no control or format characters, no ends of lines."""
        kinds = map(unicodedata.category, name)
        if any(kind[0] == "C" or kind in ("Zl", "Zp") for kind in kinds):
            raise serializers.ValidationError("It has characters that cannot be seen.")
        return name


class DatabaseSerializer(serializers.Serializer[Any]):
    # DRF names a field's title `label`; ours is the database's label.
    label = serializers.RegexField(LABEL)  # type: ignore[assignment]
    type = serializers.RegexField(LABEL)
    columns = serializers.ListField(
        child=ColumnSerializer(), max_length=MOST_COLUMNS, allow_null=True, default=None
    )

    def validate_columns(self, columns: list[dict[str, Any]] | None) -> Any:
        if any(column["type"] not in ColumnType for column in columns or ()):
            return None  # as of a site that cannot tell
        return columns and _each_once(columns, "name")


class ServedCollaborationSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(min_value=1, max_value=MAX_ID)
    databases = DatabaseSerializer(many=True, default=list)

    def validate_databases(self, databases: list[dict[str, Any]]) -> Any:
        known = [each for each in databases if each["type"] in DatabaseType]
        return _each_once(known, "label")


class AnnouncementSerializer(serializers.Serializer[Any]):
    collaborations = ServedCollaborationSerializer(many=True)
    contracts = serializers.ListField(
        child=serializers.RegexField(LABEL), max_length=10
    )
    runtime = serializers.CharField(max_length=100, allow_blank=True, default="")
    concurrent_runs = serializers.IntegerField(min_value=1, max_value=1000, default=1)

    policy = PolicySerializer(allow_null=True, default=None)

    def validate_contracts(self, contracts: list[str]) -> list[str]:
        return [each for each in contracts if each in Contract]

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
