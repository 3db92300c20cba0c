from django.db import models


class Visibility(models.TextChoices):
    """Who sees a task and its results; copied to the task when it is created."""

    INITIATOR = "initiator"
    ORGANIZATION = "organization", "initiating organization"
    COLLABORATION = "collaboration", "whole collaboration"


class ParticipationStatus(models.TextChoices):
    INVITED = "invited"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    ENDED = "ended"
