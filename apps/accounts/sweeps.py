from django.db import transaction
from django.utils import timezone

from apps.accounts.models import AccessToken
from apps.audit.actors import SYSTEM
from apps.audit.services import event_of, record_all


@transaction.atomic
def delete_expired_tokens() -> int:
    expired = AccessToken.objects.filter(expiry__lt=timezone.now()).select_for_update()
    tokens = list(expired.values_list("pk", "user"))
    AccessToken.objects.filter(pk__in=[pk for pk, _ in tokens]).delete()
    record_all(
        event_of(
            actor=SYSTEM,
            action="token.expired",
            object_type="token",
            object_id=pk,
            user=user_id,
        )
        for pk, user_id in tokens
    )
    return len(tokens)
