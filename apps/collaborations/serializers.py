from typing import Any

from rest_framework import serializers

from apps.accounts.serializers import UserBrief
from apps.collaborations.choices import Visibility
from apps.collaborations.models import Collaboration, Participation
from apps.organizations.serializers import OrganizationBrief
from ptm_site.objects import IdField

MAX_ADMINS = 50


class ParticipationBrief(serializers.ModelSerializer[Participation]):
    organization = OrganizationBrief()

    class Meta:
        model = Participation
        fields = ("id", "organization", "status", "invited_at", "answered_at")


class CollaborationBrief(serializers.ModelSerializer[Collaboration]):
    """What an organization reads before it accepts."""

    class Meta:
        model = Collaboration
        fields = ("id", "name", "purpose", "visibility", "deadline_days")


class ParticipationSerializer(ParticipationBrief):
    collaboration = CollaborationBrief()

    class Meta(ParticipationBrief.Meta):
        fields = (*ParticipationBrief.Meta.fields, "collaboration")  # type: ignore[assignment]


class InvitationRequestSerializer(serializers.Serializer[Any]):
    collaboration = IdField(help_text="One that you manage.")
    organization_name = serializers.CharField(
        max_length=200, help_text="Its exact name: it need not be one that you see."
    )


class CollaborationSerializer(serializers.ModelSerializer[Collaboration]):
    participations = ParticipationBrief(many=True)
    admins = UserBrief(many=True)

    class Meta:
        model = Collaboration
        fields = (
            "id",
            "name",
            "purpose",
            "visibility",
            "deadline_days",
            "created_at",
            "admins",
            "participations",
        )


class PolicyRequestSerializer(serializers.Serializer[Any]):
    """What is not named stays as it is."""

    purpose = serializers.CharField(max_length=5000, allow_blank=True, required=False)
    visibility = serializers.ChoiceField(choices=Visibility.choices, required=False)
    deadline_days = serializers.IntegerField(min_value=1, max_value=365, required=False)


class CollaborationRequestSerializer(PolicyRequestSerializer):
    name = serializers.CharField(max_length=200)


class AdminsRequestSerializer(serializers.Serializer[Any]):
    people = serializers.ListField(
        child=IdField(), max_length=MAX_ADMINS, help_text="All of them, by their ids."
    )
