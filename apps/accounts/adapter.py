from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.sign_ins import (
    record_failed_sign_in,
    record_new_password,
    record_sign_in,
    record_sign_out,
)


class AccountAdapter(DefaultAccountAdapter):
    error_messages: ClassVar[dict[str, str]] = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": "The user name or the password is wrong.",
        "too_many_login_attempts": "Too many failed attempts: wait five minutes.",
        "enter_current_password": "This is not your current password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Accounts are made by administrators, never by strangers."""
        return False

    @transaction.atomic
    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        record_sign_in(user)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """What throttling refused is not tried, and so comes to no record."""
        super().authentication_failed(request, **credentials)
        record_failed_sign_in(str(credentials.get("username", "")))

    @transaction.atomic
    def logout(self, request: HttpRequest) -> None:
        user = request.user
        super().logout(request)
        if isinstance(user, User):
            record_sign_out(user)

    @transaction.atomic
    def set_password(self, user: User, password: str) -> None:
        super().set_password(user, password)
        record_new_password(user)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account")
