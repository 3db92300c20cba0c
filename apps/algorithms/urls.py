from django.urls import path

from apps.algorithms import views

page_urlpatterns = [
    path("algorithms/", views.algorithm_list, name="algorithms"),
    path("algorithms/<int:pk>/", views.algorithm_page, name="algorithm"),
]
