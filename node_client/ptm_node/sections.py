"""What a site may configure, section by section."""

from typing import Annotated, Any, Literal, NamedTuple

from msgspec import Meta, Struct

from ptm_node.hours import Span


class Size(int):
    """Bytes, written like "2g"."""

    @property
    def in_words(self) -> str:
        size = float(self)
        for unit in ("bytes", "kB", "MB"):
            if size < 1024:
                return f"{size:.0f} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
            size /= 1024
        return f"{size:.1f} GB"


class Duration(float):
    """Seconds, written like "1h"."""


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file. An unknown key is a mistake, never ignored."""


class Server(Section, frozen=True):
    url: str
    ca_bundle: str | None = None
    channel: Literal["auto", "websocket", "polling"] = "auto"


class Node(Section, frozen=True):
    name: str
    key_file: str = "node.key"
    state: str = "state"
    oci_runtime: str | None = None
    collaborations: list[int] = []


class RegistryLogin(Section, frozen=True):
    username: str
    password_file: str


class Database(Section, frozen=True, kw_only=True, tag_field="type"):
    """A labelled source of data, and the collaborations to which it is released."""

    collaborations: list[int] = []
    # By collaboration: what it is called there instead of its label.
    aliases: dict[int, str] = {}

    @property
    def type(self) -> str:
        """What the site calls it."""
        return str(self.__struct_config__.tag)

    @property
    def seen_as(self) -> str:
        """The type of what a container sees of it."""
        return self.type


class FileDatabase(Database, frozen=True, kw_only=True):
    """A file or folder of the site."""

    uri: str


class Csv(FileDatabase, frozen=True, kw_only=True, tag="csv"):
    pass


class Parquet(FileDatabase, frozen=True, kw_only=True, tag="parquet"):
    pass


class Excel(FileDatabase, frozen=True, kw_only=True, tag="excel"):
    # The one that algorithms are to read; they see the whole workbook.
    sheet: Annotated[str, Meta(min_length=1, max_length=31)] | None = None


class Folder(FileDatabase, frozen=True, kw_only=True, tag="folder"):
    pass


class Other(FileDatabase, frozen=True, kw_only=True, tag="other"):
    pass


class Sql(Database, frozen=True, kw_only=True, tag="sql"):
    """The rows of the site's own query, which the node extracts into a file."""

    query: Annotated[str, Meta(min_length=1, max_length=100_000)]
    # A SQLAlchemy URL, or the file that holds one with a password.
    uri: str | None = None
    uri_file: str | None = None
    format: Literal["parquet", "csv", "sqlite"] = "parquet"
    refresh: Duration = Duration(86400)
    time: Duration = Duration(600)
    max_rows: Annotated[int, Meta(ge=1)] = 10_000_000
    max_size: Size = Size(2 << 30)
    researcher_queries: bool = False

    @property
    def seen_as(self) -> str:
        return "sql" if self.format == "sqlite" else self.format


class Direct(Database, frozen=True, kw_only=True, tag="direct"):
    """A server that containers speak to themselves, through a relay to this address.

    Only a rule that says so lets a task have it.
    """

    host: Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:_-]{1,253}$")]
    port: Annotated[int, Meta(ge=1, le=65535)]


# By its `type`, each takes the keys that it needs and no others.
ANY_DATABASE: Any = Csv | Parquet | Excel | Folder | Other | Sql | Direct


Approval = Literal["never", "new-digest", "always"]
Release = Literal["auto", "review"]
Names = Annotated[int, Meta(ge=1, le=2)]


# As much as the server takes of what a site shares.
Texts = Annotated[list[Annotated[str, Meta(max_length=300)]], Meta(max_length=200)]
Numbers = Annotated[list[Annotated[int, Meta(ge=1)]], Meta(max_length=200)]


class RuleLimits(Section, frozen=True, omit_defaults=True):
    """Limits of one rule; what it does not say is as in [limits]."""

    cpus: Annotated[float, Meta(gt=0)] | None = None
    memory: Size | None = None
    pids: Annotated[int, Meta(ge=2)] | None = None
    output: Size | None = None
    log: Size | None = None
    tmp: Size | None = None
    time: Duration | None = None


class Rule(Section, frozen=True):
    """Runs or refuses the tasks that fit everything it says."""

    action: Literal["run", "refuse"]
    name: Annotated[str, Meta(max_length=200)] = ""
    approval: Approval | None = None
    release: Release | None = None
    approvers: Names | None = None
    limits: RuleLimits = RuleLimits()
    # Whether what it lets run may have databases of type direct.
    direct: bool = False
    collaborations: Numbers | None = None
    databases: Texts | None = None
    images: Texts | None = None
    functions: Texts | None = None
    organizations: Numbers | None = None
    users: Texts | None = None


class Example(Section, frozen=True):
    """A task, and what the site means its rules to say of it."""

    expect: Literal["run", "ask", "refuse"]
    image: str
    function: str
    collaboration: int
    databases: list[str] = []
    organization: int | None = None
    user: str | None = None


class Policy(Section, frozen=True):
    images: Texts = []
    approval: Approval = "never"
    release: Release = "auto"
    approvers: Names = 1
    approval_lasts: Duration = Duration(365 * 86400)
    min_count: Annotated[int, Meta(ge=0)] = 10
    count_names: tuple[str, ...] = ("n", "count")
    only_checked: bool = False
    share_extremes: bool = False
    share_log: bool = False
    share_reasons: bool = True
    share_rules: bool = True
    share_columns: bool = False
    quiet_hours: tuple[Span, ...] = ()
    rules: Annotated[list[Rule], Meta(max_length=200)] = []
    examples: list[Example] = []


class Limits(Section, frozen=True):
    cpus: Annotated[float, Meta(gt=0)] = 1.0
    memory: Size = Size(2 << 30)
    pids: Annotated[int, Meta(ge=2)] = 128
    output: Size = Size(100 << 20)
    log: Size = Size(1 << 20)
    tmp: Size = Size(256 << 20)
    time: Duration = Duration(3600)
    stop_grace: Duration = Duration(10)
    concurrent_runs: Annotated[int, Meta(ge=1, le=64)] = 2
    image_cache: Size = Size(20 << 30)


class Config(NamedTuple):
    """The whole file. Every path in it is absolute."""

    server: Server
    node: Node
    registry: dict[str, RegistryLogin]
    databases: dict[str, Database]
    policy: Policy
    limits: Limits

    @property
    def collaborations(self) -> list[int]:
        """The collaborations that this node works for."""
        served = set(self.node.collaborations)
        served.update(*(d.collaborations for d in self.databases.values()))
        return sorted(served)

    @property
    def mounted(self) -> list[tuple[str, str]]:
        """Settings with a path that the container engine mounts, and the paths."""
        found = [("node.state", self.node.state)]
        for label, database in self.databases.items():
            if isinstance(database, FileDatabase):
                found.append((f"databases.{label}.uri", database.uri))
        return found

    def released(self, collaboration: int) -> dict[str, str]:
        """By the name that the collaboration uses: the site's own label."""
        return {
            database.aliases.get(collaboration, label): label
            for label, database in self.databases.items()
            if collaboration in database.collaborations
        }
