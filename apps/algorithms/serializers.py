from typing import ClassVar

from rest_framework import serializers

from apps.algorithms.models import Algorithm, AlgorithmVersion
from ptm_site.objects import KnownFieldsOnly


class VersionSerializer(serializers.ModelSerializer[AlgorithmVersion]):
    image = serializers.CharField()

    class Meta:
        model = AlgorithmVersion
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "image",
            "tag",
            "digest",
            "contract",
            "status",
            "created_at",
            "manifest",
        )


class AlgorithmSerializer(serializers.ModelSerializer[Algorithm]):
    versions = VersionSerializer(many=True)

    class Meta:
        model = Algorithm
        fields = ("id", "name", "description", "repository", "created_at", "versions")


class VersionDetailSerializer(VersionSerializer):
    algorithm = serializers.IntegerField(source="algorithm_id")

    class Meta(VersionSerializer.Meta):
        fields: ClassVar[tuple[str, ...]] = (
            *VersionSerializer.Meta.fields,
            "algorithm",
        )


class AllowedVersionSerializer(serializers.ModelSerializer[AlgorithmVersion]):
    """A version as its collaboration names it; its manifest is for its members."""

    image = serializers.CharField()
    name = serializers.CharField(source="algorithm.name")
    description = serializers.CharField(source="algorithm.description")

    class Meta:
        model = AlgorithmVersion
        fields = ("id", "image", "tag", "digest", "name", "description")


class ImageRequestSerializer(KnownFieldsOnly):
    image = serializers.CharField(
        max_length=500, help_text="host/name:tag or host/name@sha256:…"
    )


class VersionRequestSerializer(ImageRequestSerializer):
    manifest = serializers.DictField(help_text="The image's manifest.json.")
