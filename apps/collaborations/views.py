from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def collaboration_list(request: HttpRequest) -> HttpResponse:
    return render(request, "base.html")


def collaboration_page(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "base.html")
