"""Every check in the order in which things depend on each other."""

from collections.abc import Iterator
from pathlib import Path

from ptm_node.config import load, read_key
from ptm_node.doctor import (
    databases,
    disk,
    engine,
    files,
    paths,
    registries,
    sandbox,
    server,
)
from ptm_node.doctor.findings import Finding, failed
from ptm_node.errors import ConfigError
from ptm_node.runtimes.docker_watch import connect


def examine(path: Path) -> Iterator[Finding]:
    """Findings as they come. A configuration with a mistake raises ConfigError."""
    config = load(path)
    yield from files.check(path, config)
    try:
        key = read_key(Path(config.node.key_file))
    except ConfigError as error:
        remedy = "correct that; without a key the server is not asked"
        yield failed("key", str(error).rstrip("."), remedy)
        key = ""
    yield from server.check(config, key)
    yield from databases.check(config)
    yield disk.state_folder(config)
    client, findings = engine.reach(connect)
    yield from findings
    if client is None:
        return
    with client:
        yield from paths.check(client, config)
        yield from disk.engine_folder(client)
        yield from registries.check(client, config)
        yield sandbox.check(client, config.node.oci_runtime)
