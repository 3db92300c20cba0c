"""The product's addresses, and a view that does nothing but know who asks."""

from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class Empty(APIView):
    def get(self, request: Request) -> Response:
        return Response(status=204)


urlpatterns = [
    path("api/v1/empty/", Empty.as_view()),
    path("", include("ptm_site.urls")),
]
