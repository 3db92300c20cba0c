from django.urls import path

from apps.organizations import views

page_urlpatterns = [
    path("organizations/<int:pk>/", views.organization_page, name="organization"),
]
