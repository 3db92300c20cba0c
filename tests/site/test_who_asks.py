"""Who asks: the inner doors, which hold where an outer one was left open."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from rest_framework.exceptions import NotAuthenticated
from rest_framework.views import APIView

from ptm_site.pages import reader_of
from ptm_site.requests import user_of


def test_a_page_has_no_reader_who_has_not_signed_in() -> None:
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    with pytest.raises(PermissionError):
        reader_of(request)


def test_the_api_has_no_user_who_has_not_signed_in() -> None:
    request = APIView().initialize_request(RequestFactory().get("/api/v1/me/"))
    request.user = AnonymousUser()
    with pytest.raises(NotAuthenticated):
        user_of(request)
