from rest_framework.generics import RetrieveAPIView

from apps.accounts.models import User
from apps.accounts.serializers import MeSerializer


class Me(RetrieveAPIView[User]):
    """Who the token or session speaks for, and in which roles."""

    serializer_class = MeSerializer

    def get_object(self) -> User:
        user: User = User.objects.prefetch_related("memberships__organization").get(
            pk=self.request.user.pk
        )
        return user
