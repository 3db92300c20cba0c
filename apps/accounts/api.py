from datetime import timedelta
from typing import Any, ClassVar

import django_filters
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.generics import RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.choices import TokenScope
from apps.accounts.models import AccessToken, User
from apps.accounts.people import create_person, renew_password, set_active
from apps.accounts.permissions import Scopes
from apps.accounts.serializers import (
    MeSerializer,
    NewPersonSerializer,
    NewTokenSerializer,
    PasswordSerializer,
    PersonRequestSerializer,
    PersonSerializer,
    TokenRequestSerializer,
    TokenSerializer,
    person_of,
)
from apps.accounts.services import create_token, revoke_token
from apps.errors import Forbidden
from ptm_site.objects import body_of, found
from ptm_site.requests import actor_of, require_platform_admin, user_of


class Me(RetrieveAPIView[User]):
    """Who the token or session speaks for, and in which roles."""

    serializer_class = MeSerializer

    def get_object(self) -> User:
        people = User.objects.prefetch_related("memberships__organization")
        return people.get(pk=user_of(self.request).pk)


class TokenViewSet(ReadOnlyModelViewSet[AccessToken]):
    """Your own access tokens; nobody sees those of others."""

    scopes: ClassVar[Scopes] = {"POST": TokenScope.ADMIN, "DELETE": TokenScope.ADMIN}
    serializer_class = TokenSerializer
    queryset = AccessToken.objects.none()
    lookup_value_converter = "int"

    def get_queryset(self) -> Any:
        return user_of(self.request).access_tokens.all()

    @extend_schema(request=TokenRequestSerializer, responses={201: NewTokenSerializer})
    def create(self, request: Request) -> Response:
        """Make a token; one that a token makes ends with it at the latest."""
        fields = body_of(request, TokenRequestSerializer)
        token, text = create_token(
            user=user_of(request),
            name=fields["name"],
            scope=TokenScope(fields["scope"]),
            lifetime=lifetime_within(request.auth, timedelta(days=fields["days"])),
            actor=actor_of(request),
        )
        answer = NewTokenSerializer(token, context={"text": text}).data
        return Response(answer, status=201)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Revoke a token: from now on it opens nothing."""
        revoke_token(token=found(self.get_queryset(), pk), actor=actor_of(request))
        return Response(status=204)


def lifetime_within(credential: object, wanted: timedelta) -> timedelta:
    """A token that leaked must not prolong itself by its own children."""
    if not isinstance(credential, AccessToken) or credential.expiry is None:
        return wanted
    left: timedelta = credential.expiry - timezone.now()
    return min(wanted, left)


class PersonFilter(django_filters.FilterSet):
    username = django_filters.CharFilter()
    is_active = django_filters.BooleanFilter()

    class Meta:
        model = User
        fields = ("username", "is_active")


class PersonViewSet(ReadOnlyModelViewSet[User]):
    """Everybody who has an account, for platform admins; others see `memberships`."""

    scopes: ClassVar[Scopes] = {"POST": TokenScope.ADMIN}
    serializer_class = PersonSerializer
    queryset = User.objects.none()
    filterset_class = PersonFilter
    lookup_value_converter = "int"

    def get_queryset(self) -> Any:
        everybody = User.objects.all()
        return everybody if user_of(self.request).is_superuser else everybody.none()

    @extend_schema(
        request=PersonRequestSerializer, responses={201: NewPersonSerializer}
    )
    def create(self, request: Request) -> Response:
        """Create a person without a role, with a first password."""
        require_platform_admin(request)
        person = person_of(body_of(request, PersonRequestSerializer))
        user, password = create_person(person=person, actor=actor_of(request))
        answer = NewPersonSerializer({"person": user, "password": password}).data
        return Response(answer, status=201)

    @extend_schema(request=None, responses={200: PasswordSerializer})
    @action(detail=True, methods=["post"])
    def password(self, request: Request, pk: int) -> Response:
        """Replace the password, which ends every session."""
        password = renew_password(user=self._other(pk), actor=actor_of(request))
        return Response(PasswordSerializer({"password": password}).data)

    @extend_schema(request=None, responses={200: PersonSerializer})
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, pk: int) -> Response:
        """Keep a person out everywhere, with every session and token."""
        user = self._other(pk)
        set_active(user=user, active=False, actor=actor_of(request))
        return Response(PersonSerializer(user).data)

    @extend_schema(request=None, responses={200: PersonSerializer})
    @action(detail=True, methods=["post"])
    def reactivate(self, request: Request, pk: int) -> Response:
        """Let a person sign in again, with the roles held before."""
        user = self._other(pk)
        set_active(user=user, active=True, actor=actor_of(request))
        return Response(PersonSerializer(user).data)

    def _other(self, pk: int) -> User:
        user: User = found(self.get_queryset(), pk)
        if user == self.request.user:
            raise Forbidden("Nobody does this to themselves: ask another admin.")
        return user
