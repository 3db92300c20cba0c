"""The REST API's addresses, below /api/v1/."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView
from rest_framework.routers import SimpleRouter

from apps.accounts.api import Me, PersonViewSet, TokenViewSet
from apps.algorithms import urls as algorithms
from apps.algorithms.api import AlgorithmViewSet, VersionViewSet
from apps.collaborations import urls as collaborations
from apps.collaborations.api import CollaborationViewSet
from apps.collaborations.api_participations import ParticipationViewSet
from apps.collaborations.api_studies import StudyViewSet
from apps.nodes import urls as nodes
from apps.nodes.api import NodeViewSet
from apps.organizations import urls as organizations
from apps.organizations.api import MembershipViewSet, OrganizationViewSet
from apps.results import urls as results
from apps.tasks import urls as tasks
from ptm_site.audit_api import EventViewSet

router = SimpleRouter(use_regex_path=False)  # so that ids are whole numbers only
router.register("tokens", TokenViewSet, basename="token")
router.register("people", PersonViewSet, basename="person")
router.register("organizations", OrganizationViewSet, basename="organization")
router.register("memberships", MembershipViewSet, basename="membership")
router.register("collaborations", CollaborationViewSet, basename="collaboration")
router.register("participations", ParticipationViewSet, basename="participation")
router.register("studies", StudyViewSet, basename="study")
router.register("nodes", NodeViewSet, basename="node")
router.register("algorithms", AlgorithmViewSet, basename="algorithm")
router.register("versions", VersionViewSet, basename="version")
router.register("audit", EventViewSet, basename="event")

urlpatterns = [
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
    path("me/", Me.as_view(), name="me"),
    *router.urls,
    *organizations.urlpatterns,
    *collaborations.urlpatterns,
    *nodes.urlpatterns,
    *algorithms.urlpatterns,
    *tasks.urlpatterns,
    *results.urlpatterns,
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularRedocView.as_view(url_name="schema"), name="docs"),
]
