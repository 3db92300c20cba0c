from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from guardian.models import GroupObjectPermissionBase

from apps.collaborations.choices import ParticipationStatus, Visibility
from apps.collaborations.selectors import (
    CollaborationQuerySet,
    ParticipationQuerySet,
    StudyQuerySet,
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
    # From then on nobody sends a task; those that were sent go on.
    expires_at = models.DateTimeField(null=True, blank=True)
    # From then on nothing changes any more; what was there stays to be read.
    archived_at = models.DateTimeField(null=True, blank=True)
    # How many tasks one person may have open here at a time; none: as many as wanted.
    open_tasks_per_user = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)]
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
            models.CheckConstraint(
                condition=models.Q(open_tasks_per_user=None)
                | models.Q(open_tasks_per_user__gte=1),
                name="collaboration_limit_lets_one_through",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None


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
    # The collaboration's own rule; the organization's roles say who of it may.
    may_create_tasks = models.BooleanField(default=True)
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


class Study(models.Model):
    """A named subset of the organizations that take part in a collaboration."""

    collaboration = models.ForeignKey(
        Collaboration, on_delete=models.CASCADE, related_name="studies"
    )
    name = models.CharField(max_length=200)
    organizations = models.ManyToManyField(Organization, related_name="studies")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = StudyQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "studies"
        constraints = (
            # An ended study keeps its name: tasks still tell it.
            models.UniqueConstraint(
                "collaboration",
                "name",
                name="one_study_of_a_name",
                violation_error_message="The collaboration has a study of this name.",
            ),
        )

    def __str__(self) -> str:
        return self.name
