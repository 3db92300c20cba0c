from typing import ClassVar

from rest_framework import serializers

from apps.accounts.serializers import UserBrief
from apps.collaborations.choices import Visibility
from apps.collaborations.member_rows import Kind
from apps.collaborations.models import Collaboration, Participation, Study
from apps.organizations.serializers import OrganizationBrief
from ptm_site.csv_api import ImportSerializer, LineSerializer
from ptm_site.objects import IdField, KnownFieldsOnly

MAX_ADMINS = 50


class ParticipationBrief(serializers.ModelSerializer[Participation]):
    organization = OrganizationBrief()

    class Meta:
        model = Participation
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "organization",
            "status",
            "may_create_tasks",
            "invited_at",
            "answered_at",
        )


class CollaborationBrief(serializers.ModelSerializer[Collaboration]):
    """What an organization reads before it accepts."""

    class Meta:
        model = Collaboration
        fields = ("id", "name", "purpose", "visibility", "deadline_days")


class ParticipationSerializer(ParticipationBrief):
    collaboration = CollaborationBrief()

    class Meta(ParticipationBrief.Meta):
        fields: ClassVar[tuple[str, ...]] = (
            *ParticipationBrief.Meta.fields,
            "collaboration",
        )


class InvitationRequestSerializer(KnownFieldsOnly):
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
            "expires_at",
            "open_tasks_per_user",
            "archived_at",
            "created_at",
            "admins",
            "participations",
        )


class PolicyRequestSerializer(KnownFieldsOnly):
    """What is not named stays as it is."""

    purpose = serializers.CharField(max_length=5000, allow_blank=True, required=False)
    visibility = serializers.ChoiceField(choices=Visibility.choices, required=False)
    deadline_days = serializers.IntegerField(min_value=1, max_value=365, required=False)
    expires_at = serializers.DateTimeField(
        allow_null=True,
        required=False,
        help_text="From then on nobody sends a task; those that were sent go on.",
    )
    open_tasks_per_user = serializers.IntegerField(
        min_value=1,
        max_value=1_000_000,
        allow_null=True,
        required=False,
        help_text="How many each person may have open at a time; null: any number.",
    )


class CollaborationRequestSerializer(PolicyRequestSerializer):
    name = serializers.CharField(max_length=200)


class AdminsRequestSerializer(KnownFieldsOnly):
    people = serializers.ListField(
        child=IdField(), max_length=MAX_ADMINS, help_text="All of them, by their ids."
    )


class SendingRequestSerializer(KnownFieldsOnly):
    may_create_tasks = serializers.BooleanField()


class ParticipationLineSerializer(LineSerializer):
    what = serializers.ChoiceField(
        source="kind", choices=[k.value for k in Kind if k != Kind.WRONG]
    )
    collaboration = serializers.CharField(source="cells.collaboration")
    organization = serializers.CharField(source="cells.organization")
    status_before = serializers.CharField(
        source="state_before", help_text="Empty: it was never invited."
    )
    may_create_tasks = serializers.BooleanField(source="may")
    may_create_tasks_before = serializers.BooleanField(source="might", allow_null=True)


class ParticipationsImportSerializer(ImportSerializer):
    lines = ParticipationLineSerializer(many=True)


class StudySerializer(serializers.ModelSerializer[Study]):
    collaboration = serializers.IntegerField(source="collaboration_id")
    organizations = OrganizationBrief(many=True)

    class Meta:
        model = Study
        fields = (
            "id",
            "collaboration",
            "name",
            "organizations",
            "created_at",
            "ended_at",
        )


class StudyChangeSerializer(KnownFieldsOnly):
    """What is not named stays as it is."""

    name = serializers.CharField(max_length=200, required=False)
    organizations = serializers.ListField(
        child=IdField(),
        min_length=1,
        max_length=1000,
        required=False,
        help_text="All of them; each takes part in the collaboration.",
    )


class StudyRequestSerializer(KnownFieldsOnly):
    collaboration = IdField(help_text="One that you manage.")
    name = serializers.CharField(max_length=200)
    organizations = serializers.ListField(
        child=IdField(), min_length=1, max_length=1000
    )
