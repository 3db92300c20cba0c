from django.urls import path

from apps.accounts import views

page_urlpatterns = [
    path("account/", views.account_page, name="account"),
]
