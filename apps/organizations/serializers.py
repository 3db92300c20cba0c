from rest_framework import serializers

from apps.accounts.serializers import (
    PasswordSerializer,
    PersonRequestSerializer,
    UserBrief,
)
from apps.organizations.choices import Role
from apps.organizations.models import Membership, Organization
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
