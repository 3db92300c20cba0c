"""`kill -9` at a failpoint: of a node, and of one of the server's processes."""

from collections.abc import Iterator

from tools.drills.recipe import Act, Recipe
from tools.drills.stage import Stage
from tools.drills.verdict import Promise

# More than one chunk: the last one completes the result.
LARGE = 9 << 20
AT_NODE = {
    "claim-answered": "after a claim's answer, before its journal has it",
    "claim-journalled": "after its journal has the claim",
    "container-created": "after it created the container",
    "container-started": "after the start, before its journal has it",
    "start-journalled": "while the container runs",
    "container-ended": "after the container's end, before its journal has it",
    "result-spooled": "with the result in the spool, before its journal has it",
    "result-journalled": "before the upload",
    "upload-begun": "before the first byte of the upload",
    "chunk-sent": "within the upload",
    "result-sent": "after the upload, before it took note",
    "end-audited": "after its audit has the end, before its spool is empty",
    "spool-emptied": "after its spool is empty, before its journal is",
    "container-removed": "after it removed the container",
}
AT_NODE_OF_A_FAILURE = {
    "end-met": "after a failure, before its journal has it",
    "end-journalled": "after its journal has a failure, before its audit has it",
    "end-told": "after the server's answer to the report of a failure",
}
AT_SERVER = {
    "claim-uncommitted": "a claim, before the commit",
    "claim-committed": "a claim, after the commit",
    "report-uncommitted": "a report, before the commit",
    "report-committed": "a report, after the commit",
    "upload-created": "the beginning of an upload, after the commit",
    "chunk-written": "a chunk, between bytes and row",
    "result-uncommitted": "a result, before the commit",
    "result-unannounced": "a result, between commit and wake-up",
    "result-committed": "a result, after the commit",
}
AT_SERVER_OF_A_FAILURE = {
    "end-uncommitted": "the report of a failure, before the commit",
    "end-committed": "the report of a failure, after the commit",
}
STATUS = 3
SUCCESS = Promise()
FAILURE = Promise(ends=frozenset({"failed exit_nonzero"}))


def node_dies(point: str, promise: Promise = SUCCESS, **arguments: int) -> Act:
    def act(stage: Stage) -> Promise:
        site = stage.sites[0]
        site.arm(point)
        stage.send(**arguments)
        site.await_death()
        site.process.start()
        return promise

    return act


def server_dies(point: str, promise: Promise = SUCCESS, **arguments: int) -> Act:
    def act(stage: Stage) -> Promise:
        stage.arm_server(point)
        stage.send(**arguments)
        stage.await_server_death()
        return promise

    return act


def at_node() -> Iterator[Recipe]:
    for point, when in AT_NODE.items():
        size = LARGE if point == "chunk-sent" else 0
        yield Recipe(f"node killed {when}", node_dies(point, size=size))
    for point, when in AT_NODE_OF_A_FAILURE.items():
        yield Recipe(f"node killed {when}", node_dies(point, FAILURE, status=STATUS))


def at_server() -> Iterator[Recipe]:
    for point, when in AT_SERVER.items():
        size = LARGE if point == "chunk-written" else 0
        yield Recipe(f"server killed within {when}", server_dies(point, size=size))
    for point, when in AT_SERVER_OF_A_FAILURE.items():
        act = server_dies(point, FAILURE, status=STATUS)
        yield Recipe(f"server killed within {when}", act)


KILLS = (*at_node(), *at_server())
