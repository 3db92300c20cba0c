from typing import Any

from rest_framework import serializers

from apps.organizations.serializers import OrganizationBrief
from apps.results.models import Result


class ResultSerializer(serializers.ModelSerializer[Result]):
    run = serializers.IntegerField(source="run_id")
    task = serializers.IntegerField(source="run.task_id")
    organization = OrganizationBrief(source="run.organization")
    download = serializers.HyperlinkedIdentityField(view_name="result-download")

    class Meta:
        model = Result
        fields = (
            "id",
            "run",
            "task",
            "organization",
            "size",
            "sha256",
            "media_type",
            "created_at",
            "download",
        )


class PreviewSerializer(serializers.Serializer[Any]):
    value = serializers.JSONField(help_text="Any JSON value; null with a reason.")
    reason = serializers.CharField(help_text="Why there is none to show, or empty.")
