from django.db import models


class TokenScope(models.TextChoices):
    """What an access token may do; each scope includes those before it."""

    READ = "read"
    TASKS = "tasks"
    ADMIN = "admin"

    def includes(self, other: "TokenScope") -> bool:
        order = list(TokenScope)
        return order.index(self) >= order.index(other)
