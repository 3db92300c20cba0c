"""Settings. Nothing set means: one process on loopback, SQLite, DEBUG off."""

from datetime import timedelta
from pathlib import Path

from ptm_site import environment
from ptm_site.admin_menu import UNFOLD  # noqa: F401 (a setting)
from ptm_site.environment import env
from ptm_site.security_policy import PORTAL

VERSION = "0.1.0"
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.str("PTM_DATA", str(BASE_DIR / "var" / "data")))
DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)

SECRET_KEY = environment.secret_key(DATA_DIR)
PUBLIC_URL = environment.public_url()
SECURE = PUBLIC_URL.startswith("https://")
DEBUG = environment.debug(PUBLIC_URL)
ALLOWED_HOSTS = environment.allowed_hosts(PUBLIC_URL)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "ptm_site.admin_config.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "csp",
    "rest_framework",
    "guardian",
    "channels",
    "knox",
    "allauth",
    "allauth.account",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "ptm_site",
    "apps.audit",
    "apps.accounts",
    "apps.organizations",
    "apps.collaborations",
    "apps.nodes",
    "apps.algorithms",
    "apps.tasks",
    "apps.results",
]

MIDDLEWARE = [
    "ptm_site.trace.RequestTrace",
    "django.middleware.security.SecurityMiddleware",
    "ptm_site.security_policy.SecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "ptm_site.rates.RateLimits",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Deny first: a page is open to strangers only if it says so itself.
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "ptm_site.pages.PageRefusals",
]

ROOT_URLCONF = "ptm_site.urls"
ASGI_APPLICATION = "ptm_site.asgi.application"
WSGI_APPLICATION = "ptm_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

CSRF_FAILURE_VIEW = "ptm_site.outside.csrf_failed"
FORM_RENDERER = "ptm_site.forms.PortalRenderer"
CONTENT_SECURITY_POLICY = {"DIRECTIVES": PORTAL}

DATABASES = {"default": environment.database(DATA_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", "")
if REDIS_URL:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL]},
        }
    }
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {
                "serializer": "ptm_site.caching.JSONSerializer",
                "pool_class": "ptm_site.caching.SharedPool",
            },
        }
    }
else:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels.layers.InMemoryChannelLayer",
            "CONFIG": {
                # After a day, by default, a socket that is still open hears no more.
                "group_expiry": int(timedelta(days=3650).total_seconds()),
                # The sockets of all nodes hear through one channel.
                "capacity": 10_000,
            },
        }
    }
    CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    }

# People
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "apps.accounts.sessions.People",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None  # guardian: no row stands for a stranger
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
ACCOUNT_ADAPTER = "apps.accounts.adapter.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key"}
ACCOUNT_FORMS = {
    "login": "apps.accounts.forms.SignInForm",
    "change_password": "apps.accounts.forms.PasswordForm",
}
ACCOUNT_SESSION_REMEMBER = False  # a session ends with the browser, or with its age
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
SESSION_ENGINE = "apps.accounts.sessions"
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())

# API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.accounts.authentication.AccessTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "apps.accounts.permissions.TokenScopeAllows",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["ptm_site.parsers.BoundedJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "ptm_site.pagination.CursorPagination",
    "DEFAULT_THROTTLE_CLASSES": ["ptm_site.rates.PersonAndTokenRates"],
    "DEFAULT_SCHEMA_CLASS": "ptm_site.schema.TrueSchema",
    "EXCEPTION_HANDLER": "ptm_site.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
# Of one token; a person has twice as many, an address four times. 0: no limit.
REQUESTS_A_MINUTE = env.int("PTM_REQUESTS_A_MINUTE", 1500)
REST_KNOX = {
    "TOKEN_MODEL": "accounts.AccessToken",
    "TOKEN_PREFIX": "ptm_",
    "AUTH_HEADER_PREFIX": "Bearer",
    "TOKEN_TTL": timedelta(days=90),
}
KNOX_TOKEN_MODEL = "accounts.AccessToken"  # noqa: S105 (a model's name)
# Tokens are in our table; knox's migrations would make a second one, for nothing.
MIGRATION_MODULES = {"knox": None}
SPECTACULAR_SETTINGS = {
    "TITLE": "PyTaskManager",
    "DESCRIPTION": "Federated computing: send tasks to sites, collect aggregates.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "DEFAULT_GENERATOR_CLASS": "ptm_site.schema.Document",
    "PREPROCESSING_HOOKS": ["ptm_site.schema.without_node_endpoints"],
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "TaskStatus": "apps.tasks.choices.TaskStatus",
        "RunStatus": "apps.tasks.choices.RunStatus",
        "VersionStatus": "apps.algorithms.choices.VersionStatus",
        "ParticipationStatus": "apps.collaborations.choices.ParticipationStatus",
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 9 * 1024 * 1024

# Tasks and results
MAX_INPUT_BYTES = env.int("PTM_MAX_INPUT_BYTES", 1024 * 1024)
MAX_RESULT_BYTES = env.int("PTM_MAX_RESULT_BYTES", 10 * 1024**3)
REGISTRY_URL = env.str("REGISTRY_URL", "")
EMBEDDED_WORKER = env.bool("PTM_EMBEDDED_WORKER", not REDIS_URL)

# Files
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False  # nobody else's pages are made of our files
MEDIA_ROOT = DATA_DIR / "results"
UPLOAD_DIR = DATA_DIR / "uploads"
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

# Transport
SECURE_SSL_REDIRECT = SECURE
SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds()) if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE
SESSION_COOKIE_SECURE = SECURE
CSRF_COOKIE_SECURE = SECURE
X_FRAME_OPTIONS = "DENY"
if env.bool("PTM_BEHIND_PROXY", False):
    # Only behind a proxy that sets (and never forwards) this header.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", "INFO")},
}
