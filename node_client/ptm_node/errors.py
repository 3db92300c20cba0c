"""Everything that can go wrong, sorted by who has to act.

The text of each error is one sentence that may stand in the site's log. It never
contains a secret, nor anything that a container wrote.
"""

from typing import ClassVar

from ptm_node.messages import Code, Key, Report, Status


class NodeError(Exception):
    """Ends the command; `exit_code` is what the shell sees."""

    exit_code: ClassVar[int] = 1


class ConfigError(NodeError):
    """The site's own files are to be corrected."""

    exit_code = 2


class NotTrusted(ConfigError):
    """The server's certificate, by the certificates that the site trusts."""


class ExamplesFail(NodeError):
    """The site's rules do not say what its examples mean them to say."""


class AuditBroken(NodeError):
    """The site's audit is not what was written."""


class Unwell(NodeError):
    """The doctor found something that runs cannot do without."""


class NotKept(NodeError):
    """The site has nothing of the kind that was asked for."""


class StillThere(NodeError):
    """The daemon has not ended in the time that was given."""


class OutOfReach(NodeError):
    """The daemon runs among other processes than this command."""


class NotWaiting(NodeError):
    """There is no such question to answer."""


class AwaitsDecision(NodeError):
    """The attempt rests until somebody at the site has decided."""


class Terminal(NodeError):
    """The server will not work with this node: trying again cannot help."""

    exit_code = 3


class Superseded(Terminal):
    """The newest start of the daemon that the server knows of is another."""


class Revoked(Terminal):
    """The key is unknown or was revoked, so the runs belong to others now."""


class StateInUse(NodeError):
    """Another daemon holds the state folder."""

    exit_code = 4


class Trouble(NodeError):
    """No answer, or one that may be better next time."""

    def __init__(self, sentence: str, retry_after: float = 0.0) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class TooLarge(Trouble):
    """The server, or a proxy before it, takes smaller requests only."""


class Refused(NodeError):
    """The server understood and says no."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"the server refused with {status} {code}: {detail}")
        self.code = code


class AttemptGone(NodeError):
    """The server no longer wants this attempt from this node."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the attempt is no longer wanted: {reason}")
        self.reason = reason


class ClaimStale(NodeError):
    """The server has seen a higher claim number than the journal."""

    def __init__(self, last_claim: int) -> None:
        super().__init__(f"the server knows of claim {last_claim} already")
        self.last_claim = last_claim


class OffsetConflict(NodeError):
    """The server holds another number of bytes than was thought."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"the server is at offset {offset}")
        self.offset = offset


class DaemonLeaving(NodeError):
    """The daemon ends now; what it holds stays as it is."""


class RunFailure(NodeError):
    """This attempt ends without a result, and this is what the server is told.

    `retry` is true for faults of the infrastructure, which another attempt may not
    meet. An algorithm's own failure would only happen again.
    """

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        status: Status = Status.FAILED,
        retry: bool = False,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.status = status
        self.retry = retry

    def report(self, key: Key) -> Report:
        return Report(key.attempt, self.status, self.code, self.detail, self.retry)
