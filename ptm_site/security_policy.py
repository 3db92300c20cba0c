"""Content-Security-Policy: strict for the portal, wider where a package needs it."""

from csp.middleware import CSPMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase

SELF = "'self'"
NOTHING = "'none'"

PORTAL = {
    "default-src": [NOTHING],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF, "data:"],  # Tabler's own small pictures
    "font-src": [SELF],
    "connect-src": [SELF],
    "form-action": [SELF],
    "frame-ancestors": [NOTHING],
    "base-uri": [NOTHING],
}
# django-unfold brings Alpine, which evaluates; Redoc styles and works in a blob.
# Neither shows a text of a user as HTML.
PACKAGES = {
    **PORTAL,
    "script-src": [SELF, "'unsafe-inline'", "'unsafe-eval'"],
    "style-src": [SELF, "'unsafe-inline'"],
    "worker-src": [SELF, "blob:"],
}
OF_PACKAGES = ("/admin/", "/api/v1/docs/")


class SecurityPolicyMiddleware(CSPMiddleware):
    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if request.path.startswith(OF_PACKAGES):
            response._csp_config = PACKAGES  # type: ignore[attr-defined]
        return super().process_response(request, response)
