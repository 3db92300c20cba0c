from django.urls import path

from apps.collaborations import views

page_urlpatterns = [
    path("collaborations/", views.collaboration_list, name="collaborations"),
    path("collaborations/<int:pk>/", views.collaboration_page, name="collaboration"),
    path(
        "collaborations/consent/<int:pk>/",
        views.participation_page,
        name="participation",
    ),
]
