from django.utils import timezone

from apps.accounts.models import AccessToken


def delete_expired_tokens() -> int:
    deleted: int = AccessToken.objects.filter(expiry__lt=timezone.now()).delete()[0]
    return deleted
