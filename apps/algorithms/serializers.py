from rest_framework import serializers

from apps.algorithms.models import Algorithm, AlgorithmVersion


class VersionSerializer(serializers.ModelSerializer[AlgorithmVersion]):
    image = serializers.CharField()

    class Meta:
        model = AlgorithmVersion
        fields = (
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
