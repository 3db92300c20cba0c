from rest_framework import serializers

from apps.collaborations.models import Collaboration, Participation
from apps.organizations.serializers import OrganizationBrief


class ParticipationSerializer(serializers.ModelSerializer[Participation]):
    organization = OrganizationBrief()

    class Meta:
        model = Participation
        fields = ("organization", "status", "invited_at", "answered_at")


class CollaborationSerializer(serializers.ModelSerializer[Collaboration]):
    participations = ParticipationSerializer(many=True)

    class Meta:
        model = Collaboration
        fields = (
            "id",
            "name",
            "purpose",
            "visibility",
            "deadline_days",
            "created_at",
            "participations",
        )
