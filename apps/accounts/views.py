from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def account_page(request: HttpRequest) -> HttpResponse:
    return render(request, "base.html")
