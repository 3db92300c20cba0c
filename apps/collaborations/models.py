from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from guardian.models import GroupObjectPermissionBase

from apps.collaborations.choices import ParticipationStatus, Visibility
from apps.collaborations.selectors import (
    CollaborationQuerySet,
    ParticipationQuerySet,
)
from apps.organizations.models import Organization


class Collaboration(models.Model):
    """Organizations that agreed to compute together, with their own policy."""

    name = models.CharField(max_length=200, unique=True)
    purpose = models.TextField(max_length=5000, blank=True)
    visibility = models.CharField(
        max_length=14, choices=Visibility, default=Visibility.ORGANIZATION
    )
    deadline_days = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )
    admins = models.ManyToManyField(
        settings.AUTH_USER_MODEL, related_name="administered_collaborations", blank=True
    )
    admin_group = models.OneToOneField(
        Group, on_delete=models.PROTECT, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CollaborationQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        permissions = (
            ("manage_collaboration", "May invite organizations and allow algorithms"),
            ("create_task", "May send tasks to the collaboration"),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(visibility__in=Visibility.values),
                name="collaboration_visibility_known",
            ),
        )

    def __str__(self) -> str:
        return self.name


class CollaborationGrant(GroupObjectPermissionBase):
    """Derived: see permissions.sync_permissions."""

    content_object = models.ForeignKey(
        Collaboration, on_delete=models.CASCADE, related_name="grants"
    )


class Participation(models.Model):
    """An organization's consent to take part in a collaboration."""

    collaboration = models.ForeignKey(
        Collaboration, on_delete=models.CASCADE, related_name="participations"
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="participations"
    )
    status = models.CharField(max_length=10, choices=ParticipationStatus)
    invited_at = models.DateTimeField(auto_now_add=True)
    answered_at = models.DateTimeField(null=True)

    objects = ParticipationQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                "collaboration", "organization", name="one_participation_each"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=ParticipationStatus.values),
                name="participation_status_known",
            ),
        )

    def __str__(self) -> str:
        return f"{self.organization} in {self.collaboration}"
