from allauth.account import views as allauth
from django.urls import path

from apps.accounts import views

page_urlpatterns = [
    path("account/", views.account_page, name="account"),
    path(
        "account/tokens/<int:pk>/revoke/", views.revoke_token_page, name="token-revoke"
    ),
]

# allauth's names, and only what we use of it: no sign-up, no mail, no reset.
sign_in_urlpatterns = [
    path("login/", allauth.login, name="account_login"),
    path("logout/", allauth.logout, name="account_logout"),
    path("password/change/", allauth.password_change, name="account_change_password"),
]
