from typing import Any

from rest_framework import serializers

from apps.nodes.announcement import ColumnSerializer
from apps.nodes.models import Node
from apps.organizations.serializers import OrganizationBrief


class ReleaseSerializer(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment]
    type = serializers.CharField()
    columns = ColumnSerializer(
        many=True,
        allow_null=True,
        help_text="What a task may ask of it; null if the site does not say.",
    )


class EnrolmentSerializer(serializers.Serializer[Any]):
    collaboration = serializers.IntegerField(source="collaboration_id")
    databases = ReleaseSerializer(many=True)


class EnrolmentCodeSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="Shown in this one answer only.")


class NodeSerializer(serializers.ModelSerializer[Node]):
    organization = OrganizationBrief()
    online = serializers.BooleanField(source="is_online")
    serves = EnrolmentSerializer(source="enrolments", many=True)
    audit_head = serializers.CharField(
        help_text="Newest entry of the site’s own audit, as NUMBER:SHA256."
    )

    class Meta:
        model = Node
        fields = (
            "id",
            "name",
            "organization",
            "online",
            "last_seen_at",
            "revoked_at",
            "version",
            "serves",
            "audit_head",
        )
