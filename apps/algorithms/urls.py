from django.urls import path

from apps.algorithms import api, views

urlpatterns = [
    path(
        "collaborations/<int:pk>/versions/",
        api.AllowedVersions.as_view(),
        name="allowed-versions",
    ),
    path(
        "collaborations/<int:pk>/versions/<int:version>/",
        api.AllowedVersion.as_view(),
        name="allowed-version",
    ),
]

page_urlpatterns = [
    path("algorithms/", views.algorithm_list, name="algorithms"),
    path("algorithms/<int:pk>/", views.algorithm_page, name="algorithm"),
]
