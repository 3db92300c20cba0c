from typing import Any

from rest_framework import serializers

from apps.accounts.serializers import (
    PasswordSerializer,
    PersonRequestSerializer,
    UserBrief,
)
from apps.organizations.choices import Role
from apps.organizations.member_rows import Kind
from apps.organizations.models import Membership, Organization
from ptm_site.csv_api import ImportSerializer, LineSerializer
from ptm_site.objects import IdField, KnownFieldsOnly


class OrganizationBrief(serializers.ModelSerializer[Organization]):
    class Meta:
        model = Organization
        fields = ("id", "name")


class OrganizationSerializer(serializers.ModelSerializer[Organization]):
    class Meta:
        model = Organization
        fields = ("id", "name", "created_at")


class OrganizationRequestSerializer(KnownFieldsOnly):
    name = serializers.CharField(max_length=200)


class MembershipSerializer(serializers.ModelSerializer[Membership]):
    user = UserBrief()
    organization = OrganizationBrief()

    class Meta:
        model = Membership
        fields = ("id", "user", "organization", "role", "created_at")


class RoleRequestSerializer(KnownFieldsOnly):
    role = serializers.ChoiceField(choices=Role.choices)


class GrantRequestSerializer(RoleRequestSerializer):
    organization = IdField(help_text="One whose people you manage.")
    username = serializers.CharField(max_length=150)


class AdmissionRequestSerializer(PersonRequestSerializer, RoleRequestSerializer):
    """A new person, and the role in the organization of the address."""


class AdmissionSerializer(PasswordSerializer):
    membership = MembershipSerializer()


class MemberLineSerializer(LineSerializer):
    what = serializers.ChoiceField(
        source="kind", choices=[k.value for k in Kind if k != Kind.WRONG]
    )
    organization = serializers.CharField(source="cells.organization")
    username = serializers.CharField(source="cells.username")
    role = serializers.ChoiceField(choices=Role.choices)
    role_before = serializers.CharField(source="earlier", help_text="Empty: none.")


class AdmittedSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(source="line.cells.username")
    password = serializers.CharField(source="password.text")


class MembersImportSerializer(ImportSerializer):
    lines = MemberLineSerializer(many=True)
    passwords = AdmittedSerializer(
        many=True, help_text="First ones of new people, shown in this one answer only."
    )
