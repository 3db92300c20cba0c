from django.urls import path

from apps.tasks import api, node_api, views, views_list, views_new

urlpatterns = [
    path("tasks/", api.TaskList.as_view(), name="task-list"),
    path("tasks/forecast/", api.TaskForecast.as_view(), name="task-forecast"),
    path("tasks/<int:pk>/", api.TaskDetail.as_view(), name="task-detail"),
    path("tasks/<int:pk>/cancel/", api.TaskCancel.as_view(), name="task-cancel"),
    path("runs/", api.RunList.as_view(), name="run-list"),
    path("runs/<int:pk>/", api.RunDetail.as_view(), name="run-detail"),
    path("runs/<int:pk>/log/", api.RunLog.as_view(), name="run-log"),
    path("runs/<int:pk>/again/", api.RunAgain.as_view(), name="run-again"),
]

node_urlpatterns = [
    path("hello/", node_api.HelloView.as_view(), name="node-hello"),
    path("heartbeat/", node_api.HeartbeatView.as_view(), name="node-heartbeat"),
    path("claim/", node_api.ClaimView.as_view(), name="node-claim"),
    path(
        "runs/<int:run_id>/report/", node_api.ReportView.as_view(), name="node-report"
    ),
    path("runs/<int:run_id>/log/", node_api.LogView.as_view(), name="node-log"),
]

page_urlpatterns = [
    path("", views.dashboard, name="home"),
    path("tasks/", views_list.task_list, name="tasks"),
    path("tasks/new/", views_new.new_task, name="task-new"),
    path("tasks/<int:pk>/", views.task_page, name="task"),
    path("tasks/<int:pk>/cancel/", views.cancel, name="cancel"),
    path("runs/<int:pk>/again/", views.repeat, name="repeat"),
    path("runs/<int:pk>/log/", views.log_page, name="log"),
    path("runs/<int:pk>/log/piece/", views.log_piece, name="log-piece"),
]
