"""Two nodes of one site, and one node of a site that takes part in much."""

from functools import partial
from pathlib import Path

from docker.errors import APIError
from docker.models.containers import Container

from tests.e2e.conftest import MakeNode
from tests.e2e.researcher import Researcher
from tests.e2e.site_node import WEST, Json, SiteNode
from tools.rig.platform import Platform
from tools.rig.process import wait_until
from tools.rig.research import Api

AT_ONCE = 2  # runs of one node
MORE_COLLABORATIONS = """
from apps.accounts.models import User
from apps.algorithms.models import AlgorithmVersion
from apps.algorithms.services import allow_version
from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus, Visibility
from apps.collaborations.consents import answer_as_admin, invite_organization
from apps.collaborations.services import create_collaboration
from apps.organizations.models import Organization
for name in ("Lungs", "Bones"):
    collaboration = create_collaboration(
        name=name, purpose=name, visibility=Visibility.COLLABORATION,
        admins=[User.objects.get(username="manager")], actor=SYSTEM,
    )
    for site in ("North", "West"):
        answer_as_admin(
            participation=invite_organization(
                collaboration=collaboration, actor=SYSTEM,
                organization=Organization.objects.get(name=f"Site {site}"),
            ),
            answer=ParticipationStatus.ACCEPTED,
            admin=User.objects.get(username=f"{site.lower()}-admin"),
        )
    for version in AlgorithmVersion.objects.all():
        allow_version(version=version, collaboration=collaboration, actor=SYSTEM)
    print(collaboration.pk)
"""


def test_two_nodes_share_the_work_and_one_does_what_the_other_left(
    platform: Platform, west: MakeNode, researcher: Researcher
) -> None:
    gone, other = west(), west()
    tasks = []
    for _ in range(2 * AT_ONCE):
        tasks.append(researcher.send("nonce", WEST, seconds=1))
        run = researcher.until(tasks[-1], "running")
        for container in [*gone.containers(), *other.containers()]:
            if container.labels["ptm.run"] == str(run["id"]):
                # It takes as long as everything else here.
                assert wait_until(partial(is_paused, container), 10)
    assert len(gone.containers()) == len(other.containers()) == AT_ONCE
    gone.process.kill()
    runs = [researcher.run(run) for task in tasks for run in task["runs"]]
    left = {run["id"] for run in runs if gone.starts(run)}
    # Whether it is silent or dead nobody can tell: its admin has to say so.
    assert [run["status"] for run in runs] == ["running"] * 2 * AT_ONCE
    give_back(platform, gone)
    for container in other.containers():
        container.unpause()
    ended = [researcher.ended_run(task) for task in tasks]
    assert {run["status"] for run in ended} == {"completed"}
    assert {run["id"] for run in ended if run["attempt"] == 2} == left
    assert [other.starts(run) for run in ended] == [1] * 2 * AT_ONCE
    # The machine is well again, and ends what is none of its business any more.
    gone.process.start()
    gone.assert_done()
    assert [researcher.run(run)["result"] for run in ended] == [
        run["result"] for run in ended
    ]


def is_paused(container: Container) -> bool:
    """One that is just starting cannot always be."""
    try:
        container.pause()
    except APIError:
        return False
    return True


def give_back(platform: Platform, node: SiteNode) -> None:
    """As the admin of its site."""
    token = ("create_token", "west-admin", "--name", "one", "--scope", "admin")
    admin = Api(platform.server.url, platform.server.manage(*token))
    with admin.session as session:
        found = admin.get("nodes/", page_size=100).json()["results"]
        [number] = [each["id"] for each in found if each["name"] == node.data.name]
        answer = session.post(f"{admin.root}/nodes/{number}/give-back/", timeout=10)
        assert answer.status_code == 200, answer.text


def test_one_node_serves_three_collaborations_with_a_database_each(
    platform: Platform, west: MakeNode, researcher: Researcher, tmp_path: Path
) -> None:
    first = platform.world.collaboration
    made = platform.server.manage("shell", "-v0", "-c", MORE_COLLABORATIONS)
    second, third = map(int, made.split())
    rows = {"default": 10, "lungs": 20, "bones": 30}
    served = dict(zip(rows, (first, second, third), strict=True))
    for label, count in rows.items():
        table = tmp_path / f"{label}.csv"
        table.write_text("\n".join(["age", *["50"] * count]))
    databases = {
        f"databases.{label}": {
            "type": "csv",
            "uri": str(tmp_path / f"{label}.csv"),
            "collaborations": [collaboration],
        }
        for label, collaboration in served.items()
    }
    node = west(changes=databases)

    def body(label: str, collaboration: int) -> Json:
        return researcher.request(
            WEST,
            image="summary",
            function="summary",
            arguments={"columns": ["age"]},
            databases=[{"label": label}],
            collaboration=collaboration,
        )

    tasks = {
        label: researcher.api.send_task(body(label, collaboration))
        for label, collaboration in served.items()
    }
    for label, task in tasks.items():
        run = researcher.ended_run(task)
        assert (run["status"], node.starts(run)) == ("completed", 1)
        assert researcher.result(run)["n"] == rows[label]
    # What is released to one is not there for the others, whoever asks.
    for label, collaboration in (("default", second), ("lungs", third)):
        answer = researcher.post("tasks/", body(label, collaboration))
        assert (answer.status_code, answer.json()["code"]) == (422, "database_unknown")
