from typing import Any

from rest_framework import serializers

from apps.accounts.models import User


class UserBrief(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("id", "username")


class MembershipBrief(serializers.Serializer[Any]):
    organization = serializers.IntegerField(source="organization_id")
    name = serializers.CharField(source="organization.name")
    role = serializers.CharField()


class MeSerializer(serializers.ModelSerializer[User]):
    memberships = MembershipBrief(many=True)

    class Meta:
        model = User
        fields = ("id", "username", "first_name", "last_name", "email", "memberships")
