"""The REST API's addresses, below /api/v1/."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView
from rest_framework.routers import SimpleRouter

from apps.accounts.api import Me
from apps.algorithms.api import AlgorithmViewSet
from apps.collaborations.api import CollaborationViewSet
from apps.nodes import urls as nodes
from apps.nodes.api import NodeViewSet
from apps.organizations.api import OrganizationViewSet
from apps.results import urls as results
from apps.tasks import urls as tasks

router = SimpleRouter()
router.register("organizations", OrganizationViewSet, basename="organization")
router.register("collaborations", CollaborationViewSet, basename="collaboration")
router.register("nodes", NodeViewSet, basename="node")
router.register("algorithms", AlgorithmViewSet, basename="algorithm")

urlpatterns = [
    path("me/", Me.as_view(), name="me"),
    *router.urls,
    *tasks.urlpatterns,
    *results.urlpatterns,
    path(
        "node/",
        include(
            [
                *nodes.node_urlpatterns,
                *tasks.node_urlpatterns,
                *results.node_urlpatterns,
            ]
        ),
    ),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularRedocView.as_view(url_name="schema"), name="docs"),
]
