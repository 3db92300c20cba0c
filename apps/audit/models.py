from django.db import models

from apps.audit.choices import ActorKind


class Event(models.Model):
    """One thing that somebody did. Rows are added, numbered, and never changed.

    The database itself refuses everything else (`rules`). What is hashed names people
    by number only, and their address by a digest; `address` and `salt` lie outside the
    hash, so that a person can be erased without breaking the chain: `chain`.
    """

    at = models.DateTimeField(auto_now_add=True)
    actor_kind = models.CharField(max_length=10, choices=ActorKind)
    actor_id = models.BigIntegerField(null=True)
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=40)
    # A sign-in under a name that nobody has is about no object.
    object_id = models.BigIntegerField(null=True)
    # Whom it concerns, besides the actor: these decide who may read it.
    organization_id = models.BigIntegerField(null=True)
    collaboration_id = models.BigIntegerField(null=True)
    details = models.JSONField(default=dict)
    request_id = models.CharField(max_length=24, blank=True)
    address_digest = models.CharField(max_length=64, blank=True)
    # Personal: may be emptied.
    address = models.CharField(max_length=45, blank=True)
    salt = models.CharField(max_length=32, blank=True)
    # Given by the worker once the row is committed.
    number = models.BigIntegerField(null=True, unique=True)
    hash = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(
                fields=("object_id", "object_type", "id"), name="audit_object"
            ),
            models.Index(fields=("organization_id", "id"), name="audit_organization"),
            models.Index(fields=("collaboration_id", "id"), name="audit_collaboration"),
            models.Index(fields=("action", "id"), name="audit_action"),
            models.Index(fields=("request_id",), name="audit_request"),
            models.Index(fields=("at",), name="audit_at"),
            models.Index(
                fields=("id",), name="audit_unchained", condition=models.Q(number=None)
            ),
        )

    def __str__(self) -> str:
        return f"Event {self.pk}"
