from django.urls import path

from apps.nodes.node_api import EnrolView, GoodbyeView

node_urlpatterns = [
    path("enrol/", EnrolView.as_view(), name="node-enrol"),
    path("goodbye/", GoodbyeView.as_view(), name="node-goodbye"),
]
