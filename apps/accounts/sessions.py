"""Who is signed in: every page asks, so the two queries are written once."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from apps.accounts.models import User
from apps.prepared import Prepared

_sessions = Prepared(lambda key: Session.objects.filter(session_key=key))
_people = Prepared(lambda user: User.objects.filter(pk=user))


class SessionStore(db.SessionStore):
    """Django's sessions in the database."""

    def load(self) -> dict[str, Any]:
        for session in _sessions.objects(key=str(self.session_key)):  # one, if any
            if session.expire_date > timezone.now():
                return self.decode(session.session_data)
        self._session_key = None
        return {}


class People(ModelBackend):
    """Django's people, with their passwords."""

    def get_user(self, user_id: int) -> User | None:
        found: list[User] = _people.objects(user=user_id)
        for user in found:  # one, if any
            if self.user_can_authenticate(user):
                return user
        return None
