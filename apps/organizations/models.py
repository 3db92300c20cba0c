from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from guardian.models import GroupObjectPermissionBase

from apps.organizations.choices import Role
from apps.organizations.selectors import MembershipQuerySet, OrganizationQuerySet


class Organization(models.Model):
    """A site that takes part: a hospital, a registry."""

    name = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        permissions = (
            ("manage_members", "May grant and end memberships"),
            ("manage_nodes", "May issue enrolment codes and revoke nodes"),
            ("send_tasks", "May send tasks for the organization"),
        )

    def __str__(self) -> str:
        return self.name


class OrganizationGrant(GroupObjectPermissionBase):
    """Derived: see permissions.sync_permissions."""

    content_object = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="grants"
    )


class OrganizationGroup(models.Model):
    """The group that the organization owns for one role."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="role_groups"
    )
    role = models.CharField(max_length=12, choices=Role)
    group = models.OneToOneField(Group, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint("organization", "role", name="one_group_per_role"),
        )


class Membership(models.Model):
    """A user's role in one organization. A user may be a member of several."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=12, choices=Role)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                "user", "organization", name="one_membership_per_organization"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="membership_role_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user} in {self.organization}"
