from django.urls import path

from apps.results import api, node_api, views

urlpatterns = [
    path("results/", api.ResultList.as_view(), name="result-list"),
    path("results/<int:pk>/", api.ResultDetail.as_view(), name="result-detail"),
    path(
        "results/<int:pk>/download/",
        api.ResultDownload.as_view(),
        name="result-download",
    ),
    path(
        "results/<int:pk>/preview/", api.ResultPreview.as_view(), name="result-preview"
    ),
    path("tasks/<int:pk>/results.zip", api.TaskResultsZip.as_view(), name="task-zip"),
]

node_urlpatterns = [
    path(
        "runs/<int:run_id>/result/",
        node_api.ResultUploadView.as_view(),
        name="node-result",
    ),
    path("uploads/<uuid:uuid>/", node_api.UploadView.as_view(), name="node-upload"),
]

page_urlpatterns = [
    path("results/<int:pk>/", views.result_page, name="result"),
    path(
        "results/<int:pk>/table/<int:number>.csv",
        views.result_table,
        name="result-table",
    ),
    path("tasks/<int:pk>/table/<int:number>.csv", views.task_table, name="task-table"),
]
