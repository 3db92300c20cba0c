"""The names that this code base gives to what guards a door."""

# Whoever asks.
ASKERS = {"user", "reader", "asker", "node", "admin", "actor", "person", "user_of"}
# Conditions that say which row is meant, not whose it must be.
WHICH = {"defaults", "last_seen_at", "pk", "pk__in", "uuid"}
# Rows of the asker, by the name of the relation.
OWN_ROWS = {"memberships", "access_tokens", "administered_collaborations"}
# Querysets narrowed by who asks: without them, every row.
NARROWING = {
    "changeable_by",
    "with_own_admin",
    "with_sender",
    "going_on",
    "standing",
    "visible_to",
    "permitted_to",
    "administered_by",
    "answerable_by",
    "shown_to",
    "beside",
    "allowed_before",
    "accepted",
    "in_use",
    "serving",
}
# Functions that return such querysets.
NARROWED = {
    "events_for",
    "people_named_to",
    "people_known_to",
    "own_organizations",
    "administered_nodes",
}
# Questions that are answered with yes or no, and where yes means "may".
QUESTIONS = {
    "may_cancel",
    "may_repeat",
    "hold_consent",
    "administers",
    "includes",
    "matches",
    "compare_digest",
}
# Functions whose every filter is about who asks.
SCOPES = (
    NARROWING
    | NARROWED
    | {
        "_answers_for_something",
        "_build_members",
        "_build_allowed",
        "_build_consent",
        "_build_sendable",
        "_build_visible",
        "_build_senders",
        "_is_own_admin",
        "_locked_run",
        "_members",
        "_organizations",
        "_own_organizations",
        "_person",
        "_queued_for",
        "_served",
        "_shared",
        "active_versions",
        "addressed_organizations",
        "addressed_study",
        "_answering",
        "_resolved",
        "answer_as_admin",
        "find_node",
        "find_upload",
        "granted",
        "initiating_organization",
        "issue_enrolment_code",
        "limit",
        "own_as_admin",
        "permitted",
        "readable_by",
        "require_platform_admin",
        "require_sender",
        "targets",
    }
)
# Methods that say whether somebody may: without them, everybody.
DECISIONS = {
    "_is_own_admin",
    "_signed_in",
    "_still_good",
    "has_permission",
    "is_open_for_signup",
    "lookup_allowed",
    "open_to",
}
# Methods that say that somebody may not.
DENIALS = {"_is_over"}
# Statements that do nothing but refuse, or count what is refused later.
GUARDS = (
    "_require",
    "require_",
    "addressed_",
    "check_instance",
    "count_failure",
    "limit",
    "lock_changeable",
    "refuse_",
    "_not_ones",
    "_still_",
)
# What is raised where somebody is turned away.
REFUSALS = {
    "Forbidden",
    "Missing",
    "NotAuthenticated",
    "AuthenticationFailed",
    "PermissionError",
    "superseded",
    "_stale",
    "_enrolment_refused",
}
# Functions in which every `if` turns somebody away.
REFUSING = {
    "_assign",
    "_keep_enrolments",
    "_same_body",
    "_stop_reason",
    "addressed_study",
    "find_node",
    "lock_changeable",
    "record_hello",
    "why_closed",
}
# Functions whose rows are narrowed once more, by `visible_to`.
ASKED_AGAIN = {"_walks"}
# Modules of sockets, and their functions in which every `if` is about who listens.
SOCKETS = {"consumers", "sockets"}
LISTENING = {"connect", "hint", "_join", "_ask_rights", "group"}
CLOSING = {
    "django.contrib.auth.middleware.LoginRequiredMiddleware": "django.middleware"
    ".clickjacking.XFrameOptionsMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware": "django.middleware"
    ".clickjacking.XFrameOptionsMiddleware",
    "rest_framework.permissions.IsAuthenticated": "rest_framework.permissions.AllowAny",
    "apps.accounts.permissions.TokenScopeAllows": "rest_framework.permissions.AllowAny",
}
# Calls that give less than their last argument, or let through less than it does.
LESSENING = {
    "AllowedHostsOriginValidator",
    "OnlyFromOurPages",
    "lifetime_within",
}
STANDINGS = {"is_superuser", "is_authenticated", "is_active"}
