from django.contrib.auth.models import AbstractUser
from django.db import models
from knox.models import AbstractAuthToken, AuthTokenManager

from apps.accounts.choices import TokenScope


class User(AbstractUser):  # type: ignore[django-manager-missing]
    """A person. What they may do comes from memberships, never from here."""


class AccessToken(AbstractAuthToken):
    """A personal access token: named, hashed, expiring, revocable."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="access_tokens"
    )
    digest = models.CharField(max_length=128, unique=True)
    name = models.CharField(max_length=100)
    scope = models.CharField(
        max_length=10, choices=TokenScope, default=TokenScope.TASKS
    )

    # Within the hour: the row is not written by every request.
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = AuthTokenManager()

    class Meta:
        constraints = (
            models.UniqueConstraint("user", "name", name="token_name_once_per_user"),
        )
