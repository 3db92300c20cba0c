from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def organization_page(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "base.html")
