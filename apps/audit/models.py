from django.db import models

from apps.audit.choices import ActorKind


class Event(models.Model):
    """One thing that somebody did. Rows are only ever added."""

    at = models.DateTimeField(auto_now_add=True)
    actor_kind = models.CharField(max_length=10, choices=ActorKind)
    actor_id = models.BigIntegerField(null=True)
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=40)
    object_id = models.BigIntegerField()
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("object_type", "object_id", "id")),)

    def __str__(self) -> str:
        return f"Event {self.pk}"
