from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def dashboard(request: HttpRequest) -> HttpResponse:
    return render(request, "base.html")


def task_list(request: HttpRequest) -> HttpResponse:
    return render(request, "base.html")


def new_task(request: HttpRequest) -> HttpResponse:
    return render(request, "base.html")


def task_page(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "base.html")
