from rest_framework.generics import RetrieveAPIView

from apps.accounts.models import User
from apps.accounts.serializers import MeSerializer
from ptm_site.requests import user_of


class Me(RetrieveAPIView[User]):
    """Who the token or session speaks for, and in which roles."""

    serializer_class = MeSerializer

    def get_object(self) -> User:
        people = User.objects.prefetch_related("memberships__organization")
        return people.get(pk=user_of(self.request).pk)
