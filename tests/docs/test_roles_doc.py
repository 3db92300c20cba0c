"""docs/roles.md says what is so: each of its points names the tests that show it."""

# ruff: noqa: E501 (names of tests are as long as they are)

import importlib

import pytest

from tests.docs.pages import ROOT

PROMISES: list[tuple[str, tuple[str, ...]]] = [
    (
        "A **viewer** reads",
        (
            "organizations.test_permissions.test_each_role_may_exactly_this_on_its_organization",
            "tasks.test_visibility.test_everybody_sees_exactly_their_part",
        ),
    ),
    (
        "A **researcher** also sends",
        (
            "tasks.test_create.test_only_researchers_and_admins_of_taking_part_sites_may_send",
            "tasks.test_cancel.test_only_who_controls_the_task_may_cancel_it",
            "tasks.test_run_again.test_only_who_controls_the_task_may_run_it_again",
        ),
    ),
    (
        "A **data steward** reads",
        (
            "organizations.test_permissions.test_each_role_may_exactly_this_in_its_collaboration",
        ),
    ),
    (
        "An **admin** also manages",
        (
            "organizations.test_services.test_admins_manage_their_own_organization_only",
            "collaborations.test_consent_pages.test_the_organizations_own_admin_answers",
        ),
    ),
    (
        "Only the organization's own admins",
        (
            "organizations.test_granting.test_enrolment_codes_come_from_the_organizations_own_admin_only",
            "organizations.test_granting.test_a_collaborations_admin_adds_no_organization_and_answers_for_none",
            "site.test_admin_collaborations.test_nobody_answers_in_its_stead",
        ),
    ),
    (
        "A code ends with the role",
        (
            "nodes.test_enrolment.test_a_code_ends_with_the_role_of_whoever_issued_it",
            "nodes.test_enrolment.test_a_node_that_is_in_stays_when_whoever_let_it_in_leaves",
        ),
    ),
    (
        "The **admin of a collaboration**",
        (
            "collaborations.test_visibility.test_an_admin_of_a_collaboration_sees_it_without_being_a_member",
            "collaborations.test_policy.test_the_whole_policy_is_changed_on_one_page_and_told_on_the_portals",
            "collaborations.test_studies.test_the_collaborations_admin_makes_changes_and_ends_it",
        ),
    ),
    (
        "Being its admin gives no right",
        (
            "organizations.test_permissions.test_an_admin_of_the_collaboration_may_manage_it_but_not_send",
            "site.test_admin_scopes.test_a_manager_sees_the_collaboration",
        ),
    ),
    (
        "A **platform admin** makes",
        (
            "collaborations.test_visibility.test_a_platform_admin_sees_everything",
            "organizations.test_granting.test_a_collaborations_admins_are_named_by_a_platform_admin_and_by_no_other",
            "organizations.test_granting.test_a_person_is_kept_out_everywhere_by_a_platform_admin_only",
        ),
    ),
    (
        "A platform admin also does",
        (
            "rights.test_api.test_every_cell_is_as_the_table_says",
            "site.test_admin_members_import.test_a_platform_admin_imports_for_all",
        ),
    ),
    (
        "Being a platform admin gives no right",
        (
            "tasks.test_create.test_a_platform_admin_sends_only_where_a_role_allows_it",
            "tasks.test_run_again.test_only_who_controls_the_task_may_run_it_again",
            "tasks.test_cancel.test_a_platform_admin_can_stop_any_task",
        ),
    ),
    (
        "Nobody grants a role",
        (
            "organizations.test_granting.test_roles_are_granted_and_ended_by_the_organizations_admins_only",
            "organizations.test_granting.test_an_admin_who_lost_the_role_grants_no_more",
        ),
    ),
    (
        "Nobody changes their own role",
        (
            "organizations.test_services.test_nobody_grants_or_ends_a_role_of_their_own",
            "organizations.test_granting.test_nobody_adds_themselves_to_an_organization",
            "organizations.test_granting.test_a_platform_admin_does_not_make_themselves_a_collaborations_admin",
        ),
    ),
    (
        "A collaboration's admin who invites",
        ("accounts.test_naming.test_an_answer_about_what_one_cannot_see_is_kept",),
    ),
    (
        "Nobody else learns it",
        (
            "accounts.test_naming.test_who_may_not_is_told_nothing",
            "organizations.test_api.test_nobody_else_admits_people",
        ),
    ),
    (
        "A person is told so",
        (
            "accounts.test_naming.test_who_tries_many_names_is_told_no_more",
            "accounts.test_naming.test_a_file_of_names_counts_as_many_as_it_tells",
            "site.test_admin_parties_import.test_names_out_of_sight_are_counted_whether_there_is_one_or_not",
        ),
    ),
    (
        "An invited organization sees nothing",
        (
            "collaborations.test_visibility.test_an_invitation_alone_shows_nothing",
            "collaborations.test_leaving.test_until_it_accepts_again_its_nodes_get_nothing",
            "collaborations.test_leaving.test_a_collaborations_admin_sees_no_more_of_an_organization_that_left",
        ),
    ),
    (
        "Its own admin reads",
        (
            "collaborations.test_api.test_its_own_admin_reads_what_it_would_consent_to_and_changes_nothing",
            "collaborations.test_consent_pages.test_the_invited_read_the_rules_before_they_answer",
        ),
    ),
    (
        "A file of members only invites",
        (
            "site.test_admin_parties_import.test_it_only_invites_and_the_organizations_own_admin_consents",
            "site.test_admin_parties_import.test_what_was_shown_is_done_and_is_in_the_audit",
        ),
    ),
    (
        "An invitation can be accepted",
        (
            "collaborations.test_visibility.test_an_invitation_is_answered_once",
            "collaborations.test_services.test_only_an_unanswered_invitation_is_withdrawn",
            "site.test_admin_collaborations.test_an_invitation_is_withdrawn_by_the_collaborations_admin",
        ),
    ),
    (
        "Either side can end",
        (
            "site.test_admin_collaborations.test_either_side_ends_a_participation_and_what_waits_is_cancelled",
            "collaborations.test_visibility.test_a_site_that_left_can_be_invited_again",
        ),
    ),
    (
        "Ending cancels every run",
        (
            "collaborations.test_leaving.test_leaving_cancels_what_is_queued_also_of_ones_own_tasks_elsewhere",
        ),
    ),
    (
        "A run that a node has begun",
        (
            "collaborations.test_leaving.test_what_a_node_has_begun_when_its_consent_ends_may_finish",
            "collaborations.test_leaving.test_the_sender_may_still_cancel_what_goes_on_there",
            "collaborations.test_leaving.test_what_the_node_gives_back_after_that_is_cancelled",
        ),
    ),
    (
        "What is finished stays",
        (
            "collaborations.test_leaving.test_an_organization_that_left_sees_its_own_runs_and_others_keep_theirs",
        ),
    ),
    (
        "An organization that leaves the collaboration",
        (
            "collaborations.test_studies.test_an_organization_that_leaves_the_collaboration_leaves_the_study",
        ),
    ),
    (
        "Whoever leaves an organization",
        (
            "collaborations.test_leaving.test_what_one_saw_in_the_api_is_gone_at_once",
            "collaborations.test_leaving.test_open_pages_and_saved_drafts_lead_nowhere",
            "collaborations.test_leaving.test_an_admins_desk_is_empty_at_once",
        ),
    ),
    (
        "Whoever belongs to another",
        (
            "collaborations.test_leaving.test_what_is_left_comes_through_what_one_still_is",
        ),
    ),
    (
        "The tasks of somebody who left",
        (
            "collaborations.test_leaving.test_tasks_of_a_person_who_left_go_on_in_the_hands_of_the_organization",
            "tasks.test_cancel.test_what_only_the_sender_saw_is_stopped_by_a_platform_admin",
        ),
    ),
    (
        "An organization that left a collaboration",
        (
            "collaborations.test_leaving.test_an_organization_that_left_sees_its_own_runs_and_others_keep_theirs",
            "tasks.test_visibility.test_a_site_that_ends_its_participation_keeps_its_own_runs_only",
        ),
    ),
    (
        "Its admin keeps the record",
        (
            "collaborations.test_leaving.test_an_organization_that_left_administers_itself_only",
        ),
    ),
    (
        "Whoever is no longer admin",
        (
            "collaborations.test_leaving.test_a_collaborations_former_admin_keeps_nothing_of_it",
        ),
    ),
    (
        "Whoever becomes a viewer",
        (
            "collaborations.test_leaving.test_a_researcher_who_becomes_a_viewer_reads_and_sends_nothing",
            "site.test_leaving_live.test_a_lowered_role_and_an_archive_leave_open_pages_as_they_may_be",
        ),
    ),
    (
        "Open pages of whoever left",
        (
            "site.test_leaving_live.test_whoever_left_hears_nothing_more_and_subscribes_to_nothing",
        ),
    ),
    (
        "A person whom a platform admin",
        (
            "collaborations.test_leaving.test_a_deactivated_persons_tokens_are_gone_for_good",
            "site.test_admin_people.test_a_deactivated_person_is_out_at_once_until_reactivated",
        ),
    ),
    (
        "**Who sees results**",
        (
            "tasks.test_visibility.test_everybody_sees_exactly_their_part",
            "tasks.test_visibility.test_a_wider_policy_of_the_collaboration_does_not_open_old_tasks",
        ),
    ),
    (
        "**Who sends**",
        (
            "collaborations.test_policy.test_an_organization_sends_as_long_as_the_collaborations_admin_lets_it",
            "collaborations.test_policy.test_who_may_not_send_any_more_may_still_cancel",
            "collaborations.test_policy.test_running_again_is_new_work",
        ),
    ),
    (
        "**How much**",
        (
            "collaborations.test_policy.test_the_limit_counts_each_persons_open_tasks_here",
            "collaborations.test_policy.test_tasks_sent_at_once_do_not_pass_the_limit",
        ),
    ),
    (
        "**Until when**",
        (
            "collaborations.test_policy.test_before_its_time_a_collaboration_takes_tasks",
            "collaborations.test_policy.test_what_was_sent_before_the_expiry_goes_on",
            "collaborations.test_policy.test_running_again_is_new_work",
        ),
    ),
    (
        "**Archiving** is for good",
        (
            "collaborations.test_archiving.test_archiving_cancels_what_waits_and_lets_what_runs_finish",
            "collaborations.test_archiving.test_its_admin_archives_it_and_then_has_no_page_to_change_it",
        ),
    ),
    (
        "An archived collaboration",
        (
            "collaborations.test_archiving.test_nothing_changes_in_an_archived_collaboration",
            "collaborations.test_archiving.test_nodes_get_nothing_of_an_archived_collaboration",
            "collaborations.test_archiving.test_what_was_there_stays_readable_to_those_who_read_it",
        ),
    ),
    (
        "A **study** is",
        (
            "collaborations.test_studies.test_a_task_for_a_study_addresses_its_organizations_only",
            "collaborations.test_studies.test_a_foreign_study_is_as_one_that_does_not_exist",
        ),
    ),
]


def test_every_point_of_the_page_is_a_promise_with_tests() -> None:
    lines = (ROOT / "docs/roles.md").read_text().splitlines()
    points = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    assert len(points) == len(PROMISES)
    for point, (beginning, tests) in zip(points, PROMISES, strict=True):
        assert point.startswith(beginning)
        assert tests


@pytest.mark.parametrize("name", sorted({n for _, tests in PROMISES for n in tests}))
def test_every_named_test_is_there(name: str) -> None:
    module, _, test = name.rpartition(".")
    assert callable(getattr(importlib.import_module(f"tests.{module}"), test))
