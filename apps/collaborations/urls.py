from django.urls import path

from apps.collaborations import views
from apps.collaborations.api_members import ParticipationsExport, ParticipationsImport

urlpatterns = [
    path(
        "participations/export/",
        ParticipationsExport.as_view(),
        name="participations-export",
    ),
    path(
        "participations/import/",
        ParticipationsImport.as_view(),
        name="participations-import",
    ),
]

page_urlpatterns = [
    path("collaborations/", views.collaboration_list, name="collaborations"),
    path("collaborations/<int:pk>/", views.collaboration_page, name="collaboration"),
    path(
        "collaborations/consent/<int:pk>/",
        views.participation_page,
        name="participation",
    ),
]
