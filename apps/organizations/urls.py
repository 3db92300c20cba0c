from django.urls import path

from apps.organizations import views
from apps.organizations.api_members import MembersExport, MembersImport

urlpatterns = [
    path("memberships/export/", MembersExport.as_view(), name="members-export"),
    path("memberships/import/", MembersImport.as_view(), name="members-import"),
]

page_urlpatterns = [
    path("organizations/<int:pk>/", views.organization_page, name="organization"),
]
