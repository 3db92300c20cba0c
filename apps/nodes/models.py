from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.collaborations.models import Collaboration
from apps.nodes.choices import ONLINE_WITHIN, DatabaseType
from apps.nodes.selectors import NodeQuerySet
from apps.organizations.models import Organization


class Node(models.Model):
    """A daemon of exactly one organization, and what it last said of itself."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="nodes"
    )
    name = models.CharField(max_length=100)
    key_prefix = models.CharField(max_length=12, unique=True)
    key_sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    # The newest start of the daemon, and the highest claim number it used.
    instance = models.UUIDField(null=True)
    boot = models.PositiveBigIntegerField(default=0)
    last_claim = models.PositiveBigIntegerField(default=0)

    last_seen_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)
    # What watchers were told last; whether it is online now, `is_online` says.
    told_online = models.BooleanField(default=False, editable=False)
    version = models.CharField(max_length=40, blank=True)
    runtime = models.CharField(max_length=100, blank=True)
    contracts = models.JSONField(default=list)
    concurrent_runs = models.PositiveSmallIntegerField(default=1)
    # The rules that the site shares; none if it keeps them to itself.
    policy = models.JSONField(null=True, editable=False)
    # Numbers and hashes of the site's own audit, as the node told them, newest last.
    audit_heads = models.JSONField(default=list, editable=False)
    audit_noted_at = models.DateTimeField(null=True, editable=False)

    objects = NodeQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                "organization",
                "name",
                condition=models.Q(revoked_at=None),
                name="node_name_once_per_organization",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def audit_head(self) -> str:
        """The newest, as `ptm-node audit verify --head` takes it; empty if unknown."""
        return "{}:{}".format(*self.audit_heads[-1]) if self.audit_heads else ""

    @property
    def is_online(self) -> bool:
        return self.online_at(timezone.now())

    def online_at(self, moment: datetime) -> bool:
        """Heard within the minute before, and not gone on purpose since."""
        if self.last_seen_at is None or self.revoked_at is not None:
            return False
        if self.left_at is not None and self.left_at >= self.last_seen_at:
            return False
        return moment - self.last_seen_at < ONLINE_WITHIN


class OnlineDay(models.Model):
    """How long a node was heard on one day of UTC; no row means not at all."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="online_days")
    day = models.DateField(db_index=True)
    seconds = models.FloatField()

    class Meta:
        ordering = ("day",)
        constraints = (
            models.UniqueConstraint("node", "day", name="one_row_each_day"),
            models.CheckConstraint(
                condition=models.Q(seconds__gte=0), name="online_time_not_negative"
            ),
        )


class EnrolmentCode(models.Model):
    """A one-time code with which an organization's admin lets a node in."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="enrolment_codes"
    )
    prefix = models.CharField(max_length=12, unique=True)
    sha256 = models.CharField(max_length=64)
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    expires_at = models.DateTimeField()
    node = models.OneToOneField(Node, on_delete=models.CASCADE, null=True, blank=True)


class Enrolment(models.Model):
    """A collaboration that the node announced it serves."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="enrolments")
    collaboration = models.ForeignKey(
        Collaboration, on_delete=models.CASCADE, related_name="enrolments"
    )

    class Meta:
        constraints = (
            models.UniqueConstraint("node", "collaboration", name="one_enrolment_each"),
        )


class DatabaseRelease(models.Model):
    """A database that the node announced it releases to a collaboration."""

    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.CASCADE, related_name="databases"
    )
    label = models.CharField(max_length=64)
    type = models.CharField(max_length=10, choices=DatabaseType)
    # Names and types; none where the site does not share them.
    columns = models.JSONField(null=True, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint("enrolment", "label", name="one_label_each"),
        )
