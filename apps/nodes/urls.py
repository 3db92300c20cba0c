from django.urls import path

from apps.nodes.api import EnrolmentCodes
from apps.nodes.node_api import EnrolView, GoodbyeView, MeView

urlpatterns = [
    path(
        "organizations/<int:pk>/enrolment-codes/",
        EnrolmentCodes.as_view(),
        name="enrolment-codes",
    ),
]

node_urlpatterns = [
    path("enrol/", EnrolView.as_view(), name="node-enrol"),
    path("goodbye/", GoodbyeView.as_view(), name="node-goodbye"),
    path("me/", MeView.as_view(), name="node-me"),
]
