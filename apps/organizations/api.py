from typing import Any, ClassVar

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.choices import TokenScope
from apps.accounts.permissions import Scopes
from apps.accounts.serializers import person_of
from apps.organizations.choices import Role
from apps.organizations.models import Membership, Organization
from apps.organizations.selectors import person_called
from apps.organizations.serializers import (
    AdmissionRequestSerializer,
    AdmissionSerializer,
    GrantRequestSerializer,
    MembershipSerializer,
    OrganizationRequestSerializer,
    OrganizationSerializer,
    RoleRequestSerializer,
)
from apps.organizations.services import (
    admit_person,
    create_organization,
    end_membership,
    grant_membership,
    rename_organization,
)
from ptm_site.filters import IdFilter
from ptm_site.objects import body_of, found, named, require
from ptm_site.requests import actor_of, require_platform_admin, user_of


class OrganizationViewSet(ReadOnlyModelViewSet[Organization]):
    """Your organizations, and those you compute with."""

    scopes: ClassVar[Scopes] = {"POST": TokenScope.ADMIN, "PATCH": TokenScope.ADMIN}
    serializer_class = OrganizationSerializer
    queryset = Organization.objects.none()
    filterset_fields = ("name",)
    lookup_value_converter = "int"

    def get_queryset(self) -> Any:
        return Organization.objects.visible_to(self.request.user)

    @extend_schema(
        request=OrganizationRequestSerializer, responses={201: OrganizationSerializer}
    )
    def create(self, request: Request) -> Response:
        """Create an organization. For platform admins."""
        require_platform_admin(request)
        fields = body_of(request, OrganizationRequestSerializer)
        organization = create_organization(**fields, actor=actor_of(request))
        return Response(OrganizationSerializer(organization).data, status=201)

    @extend_schema(
        request=OrganizationRequestSerializer, responses={200: OrganizationSerializer}
    )
    def partial_update(self, request: Request, pk: int) -> Response:
        """Rename an organization that you manage."""
        organization = self._managed(pk)
        fields = body_of(request, OrganizationRequestSerializer)
        rename_organization(
            organization=organization, **fields, actor=actor_of(request)
        )
        return Response(OrganizationSerializer(organization).data)

    @extend_schema(
        request=AdmissionRequestSerializer, responses={201: AdmissionSerializer}
    )
    @action(detail=True, methods=["post"])
    def people(self, request: Request, pk: int) -> Response:
        """Create a person with a role here, and with a first password."""
        organization = self._managed(pk)
        fields = body_of(request, AdmissionRequestSerializer)
        membership, password = admit_person(
            person=person_of(fields),
            organization=organization,
            role=Role(fields["role"]),
            actor=actor_of(request),
        )
        answer = {"membership": membership, "password": password}
        return Response(AdmissionSerializer(answer).data, status=201)

    def _managed(self, pk: int) -> Organization:
        organization: Organization = found(self.get_queryset(), pk)
        user = user_of(self.request)
        require(Organization.objects.permitted_to(user, "manage_members"), organization)
        return organization


class MembershipFilter(django_filters.FilterSet):
    organization = IdFilter()
    user = IdFilter()
    role = django_filters.ChoiceFilter(choices=Role.choices)

    class Meta:
        model = Membership
        fields = ("organization", "user", "role")


class MembershipViewSet(ReadOnlyModelViewSet[Membership]):
    """Who has which role in your organizations."""

    scopes: ClassVar[Scopes] = dict.fromkeys(
        ("POST", "PATCH", "DELETE"), TokenScope.ADMIN
    )
    serializer_class = MembershipSerializer
    queryset = Membership.objects.none()
    filterset_class = MembershipFilter
    lookup_value_converter = "int"

    def get_queryset(self) -> Any:
        return Membership.objects.visible_to(user_of(self.request)).select_related(
            "user", "organization"
        )

    @extend_schema(
        request=GrantRequestSerializer, responses={201: MembershipSerializer}
    )
    def create(self, request: Request) -> Response:
        """Give a person whom you know a role, instead of any earlier one there."""
        user = user_of(request)
        fields = body_of(request, GrantRequestSerializer)
        organization = named(
            Organization.objects.visible_to(user),
            fields["organization"],
            "organization",
        )
        require(Organization.objects.permitted_to(user, "manage_members"), organization)
        membership = grant_membership(
            user=person_called(fields["username"], known_to=user),
            organization=organization,
            role=Role(fields["role"]),
            actor=actor_of(request),
        )
        return Response(MembershipSerializer(membership).data, status=201)

    @extend_schema(request=RoleRequestSerializer, responses={200: MembershipSerializer})
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change a person's role."""
        membership: Membership = found(self.get_queryset(), pk)
        membership = grant_membership(
            user=membership.user,
            organization=membership.organization,
            role=Role(body_of(request, RoleRequestSerializer)["role"]),
            actor=actor_of(request),
        )
        return Response(MembershipSerializer(membership).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """End a membership: every right that came from it ends with it."""
        membership: Membership = found(self.get_queryset(), pk)
        end_membership(membership=membership, actor=actor_of(request))
        return Response(status=204)
