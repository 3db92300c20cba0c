"""What a daemon's earlier life left: journal, spool and engine as they were then."""

from contextlib import closing
from pathlib import Path

from ptm_node import config
from ptm_node.audit import Audit, Fact
from ptm_node.journal import Journal, Output
from ptm_node.messages import Key
from ptm_node.runtimes.base import ContainerSpec, Handle, Limits, Mount
from ptm_node.runtimes.fake import FakeEngine, FakeRuntime
from ptm_node.sections import Size
from ptm_node.spool import Spool

from tests.node.examples import assignment
from tests.node.fake_runs import Run
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, NODE, write_config

KEY = Key(1, 1)


class Past:
    """The site as an earlier life left it: one run, claimed by claim 1."""

    def __init__(self, folder: Path, server: FakeServer, engine: FakeEngine) -> None:
        self.state = Path(config.load(write_config(folder, server.url)).node.state)
        for name in ("work", "spool"):
            (self.state / name).mkdir(parents=True)
        self.engine = engine
        self.journal = Journal(self.state / "journal.sqlite3")
        self.journal.begin_life(now=0)
        self.journal.record_claim(1, [assignment(KEY, IMAGE)])
        self.run = server.add_run(IMAGE)
        self.run.status, self.run.attempt, self.run.claim = "running", 1, 1
        server.last_claim = 1

    def container(self, key: Key = KEY, node: str = NODE) -> Handle:
        """A container whose output is in the run's folder."""
        folder = self.state / "work" / str(key)
        folder.mkdir()
        output = folder / "output.txt"
        output.touch()
        mount = Mount(str(output), "/app/output.txt", read_only=False)
        limits = Limits(1, 1 << 20, 8, 1 << 20, 1 << 20, 1 << 20)
        spec = ContainerSpec(key, IMAGE, {}, (mount,), limits)
        return FakeRuntime(self.engine, node).prepare(spec, before_pull=lambda: None)

    def started(self) -> Handle:
        handle = self.container()
        FakeRuntime(self.engine, NODE).start(handle)
        return handle

    def spooled(self) -> Output:
        source = self.state / "source"
        source.write_bytes(b'"spooled"')
        output = Spool(self.state / "spool").keep(source, KEY, Size(100))
        self.journal.started(KEY, "gone", at=0)
        self.journal.spooled(KEY, output)
        return output


def audited(past: Past, event: str) -> list[dict[str, Fact]]:
    with closing(Audit(past.state / "audit.sqlite3")) as audit:
        return list(audit.newest(event))


def completed(server: FakeServer, run: Run) -> bytes | None:
    server.wait_status(run, "completed")
    return run.result
