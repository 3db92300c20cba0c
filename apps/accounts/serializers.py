from typing import Any, ClassVar

from rest_framework import serializers

from apps.accounts.choices import TokenScope
from apps.accounts.models import AccessToken, User
from apps.accounts.people import NewPerson
from ptm_site.objects import KnownFieldsOnly

MAX_DAYS = 365


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


class TokenSerializer(serializers.ModelSerializer[AccessToken]):
    created_at = serializers.DateTimeField(source="created")
    expires_at = serializers.DateTimeField(source="expiry", allow_null=True)

    class Meta:
        model = AccessToken
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "name",
            "scope",
            "created_at",
            "expires_at",
            "last_used_at",
        )


class NewTokenSerializer(TokenSerializer):
    """The one answer that holds the token itself."""

    token = serializers.SerializerMethodField()

    class Meta(TokenSerializer.Meta):
        fields: ClassVar[tuple[str, ...]] = (*TokenSerializer.Meta.fields, "token")

    def get_token(self, token: AccessToken) -> str:
        text: str = self.context["text"]
        return text


class TokenRequestSerializer(KnownFieldsOnly):
    name = serializers.CharField(max_length=100)
    scope = serializers.ChoiceField(choices=TokenScope.choices)
    days = serializers.IntegerField(min_value=1, max_value=MAX_DAYS, default=90)


class PersonSerializer(serializers.ModelSerializer[User]):
    is_platform_admin = serializers.BooleanField(source="is_superuser")

    class Meta:
        model = User
        fields = (
            "id",
            "username",
            "first_name",
            "last_name",
            "email",
            "is_active",
            "is_platform_admin",
            "date_joined",
            "last_login",
        )


class PersonRequestSerializer(KnownFieldsOnly):
    username = serializers.CharField(max_length=150)
    first_name = serializers.CharField(max_length=150, allow_blank=True, default="")
    last_name = serializers.CharField(max_length=150, allow_blank=True, default="")
    email = serializers.EmailField(max_length=254, allow_blank=True, default="")


def person_of(fields: dict[str, Any]) -> NewPerson:
    names = ("username", "first_name", "last_name", "email")
    return NewPerson(**{name: fields[name] for name in names})


class PasswordSerializer(serializers.Serializer[Any]):
    password = serializers.CharField(help_text="Shown in this one answer only.")


class NewPersonSerializer(PasswordSerializer):
    person = PersonSerializer()
