from django.db import models


class ActorKind(models.TextChoices):
    USER = "user"
    NODE = "node"
    SYSTEM = "system"
