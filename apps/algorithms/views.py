from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def algorithm_list(request: HttpRequest) -> HttpResponse:
    return render(request, "base.html")


def algorithm_page(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "base.html")
