"""Containers in a Docker engine, in the sandbox that every algorithm gets."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import HostConfig, LogConfig, Ulimit
from docker.types import Mount as DockerMount

from ptm_node.clock import Clock
from ptm_node.errors import RunFailure
from ptm_node.messages import Code, Key
from ptm_node.progress import Progress, Silent
from ptm_node.runtimes.base import (
    GVISOR,
    ContainerSpec,
    Exit,
    Handle,
    Mount,
    Recovered,
    RuntimeUnavailable,
    sandbox_user,
)
from ptm_node.runtimes.docker_pull import pull
from ptm_node.runtimes.docker_streams import logs
from ptm_node.runtimes.docker_watch import LABEL, Watch

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 10.0
_NO_COMMAND = re.compile(
    r"executable file not found|no such file|permission denied|exec format error"
    r"|no command specified",
    re.IGNORECASE,
)
# Threads of gVisor's kernel, which Docker counts as the container's: it dies without.
_OWN_THREADS = 128
_KILLED = 137
# As much as this a container may be ahead of the node that reads: beyond, Docker begins
# the file anew, and the reader's log ends with Docker's complaint about that.
_LOG_AHEAD = 8 << 20
# On a busy machine the engine says so 2 s after the end, and of one that was killed
# hardly later than it began, never.
_OOM_SECONDS = 5.0
_BEGINNING = timedelta(milliseconds=200)
_NO_RUNTIME = re.compile(r"unknown( or invalid)? runtime", re.IGNORECASE)
# Then it is the site that has no such file.
_NO_MOUNT = re.compile(r"mounting|bind source|mount config", re.IGNORECASE)


class DockerRuntime:
    """The six verbs over one Docker engine (see `base.Runtime`)."""

    def __init__(
        self,
        node: str,
        clock: Clock,
        oci_runtime: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._node = node
        self._oci_runtime = oci_runtime
        self._watch = Watch(node, clock)
        self._progress = progress or Silent()
        # Folders that an image declares as volumes, for images that ran before.
        self._volumes: dict[str, list[str]] = {}
        # Of whose end this node is the cause.
        self._stopped: set[str] = set()

    @property
    def ready(self) -> bool:
        return self._watch.ready

    @property
    def name(self) -> str:
        return f"docker {self._watch.version}".strip()

    @property
    def client(self) -> docker.APIClient:
        """For what is not about one run. Raises RuntimeUnavailable."""
        return self._watch.client

    def open(self, on_change: Callable[[], None]) -> None:
        self._watch.open(on_change)

    def close(self) -> None:
        self._watch.close()

    @contextmanager
    def connected(self) -> Iterator[docker.APIClient]:
        """For a command beside the daemon. Raises RuntimeUnavailable."""
        self.open(on_change=lambda: None)
        try:
            self._watch.await_ready(_CONNECT_SECONDS)
            yield self._watch.client
        finally:
            self.close()

    def prepare(self, spec: ContainerSpec, before_pull: Callable[[], None]) -> Handle:
        self._watch.paths.check(spec.mounts)
        with _engine_errors("create"):
            try:
                container = self._create(spec)
            except ImageNotFound:
                before_pull()
                pull(self._watch.client, spec.image, spec.credentials, self._progress)
                container = self._create(spec)
        self._watch.created(container)
        return Handle(spec.key, container)

    def start(self, handle: Handle) -> None:
        with _engine_errors("start"):
            self._watch.client.start(handle.id)

    def recover(self) -> list[Recovered]:
        with _engine_errors("list"):
            found = self._watch.client.containers(all=True, filters=self._watch.filters)
        return [each for each in map(self._recovered, found) if each is not None]

    def wait(self, handle: Handle, seconds: float) -> Exit | None:
        ended = self._watch.await_end(handle.id, seconds)
        if ended is None:
            return None
        memory = bool(ended.code) and self._ran_out_of_memory(handle)
        stopped = handle.id in self._stopped
        if ended.code == _KILLED and ended.witnessed and not (memory or stopped):
            memory = self._watch.await_out_of_memory(handle.id, _OOM_SECONDS)
        return Exit(ended.code, out_of_memory=memory, witnessed=ended.witnessed)

    def stop(self, handle: Handle, grace: float) -> None:
        self._stopped.add(handle.id)
        self._unless_gone(
            lambda client: client.stop(handle.id, timeout=round(grace)), "stop", handle
        )

    def remove(self, handle: Handle) -> bool:
        removed = self._unless_gone(
            lambda client: client.remove_container(handle.id, v=True, force=True),
            "remove",
            handle,
        )
        self._watch.forget(handle.id)
        self._stopped.discard(handle.id)
        return removed

    @contextmanager
    def logs(self, handle: Handle) -> Iterator[Iterator[bytes]]:
        with (
            _engine_errors("read the log of"),
            logs(self._watch.client, handle.id) as pieces,
        ):
            yield pieces

    def _create(self, spec: ContainerSpec) -> str:
        client = self._watch.client
        if spec.image not in self._volumes:
            image = client.inspect_image(spec.image)  # type: ignore[no-untyped-call]
            config = image["Config"] or {}
            self._volumes[spec.image] = list(config.get("Volumes") or {})
        uid, gid = sandbox_user()
        answer = client.create_container(
            spec.image,
            name=self._container_name(spec.key),
            entrypoint=list(spec.command) or None,
            user=f"{uid}:{gid}",
            environment=dict(spec.environment),
            labels=self._labels(spec.key),
            host_config=_sandbox(
                client, spec, self._volumes[spec.image], self._oci_runtime
            ),
        )
        return str(answer["Id"])

    def _container_name(self, key: Key) -> str:
        # The engine refuses a name that is taken: no attempt can start twice.
        return f"ptm-{self._node}-{key}"

    def _labels(self, key: Key) -> dict[str, str]:
        return {
            LABEL: self._node,
            "ptm.run": str(key.run),
            "ptm.attempt": str(key.attempt),
        }

    def _recovered(self, found: dict[str, Any]) -> Recovered | None:
        labels = found["Labels"]
        try:
            key = Key(int(labels["ptm.run"]), int(labels["ptm.attempt"]))
        except (KeyError, ValueError):
            return None
        # A label can come with anybody's image; the name was given by this node.
        if f"/{self._container_name(key)}" not in found["Names"]:
            return None
        sources = frozenset(mount.get("Source", "") for mount in found["Mounts"])
        return Recovered(Handle(key, found["Id"]), found["State"] != "created", sources)

    def _ran_out_of_memory(self, handle: Handle) -> bool:
        try:
            state = self._watch.client.inspect_container(handle.id)["State"]
        except (RunFailure, DockerException, requests.RequestException):
            return False
        early = handle.id not in self._stopped and _killed_as_it_began(state)
        return bool(state["OOMKilled"]) or early

    def _unless_gone(
        self, act: Callable[[docker.APIClient], object], verb: str, handle: Handle
    ) -> bool:
        try:
            act(self._watch.client)
        except NotFound:
            return True
        except (RunFailure, DockerException, requests.RequestException) as error:
            if _under_way(error):
                return True
            log.warning("could not %s container %s: %s", verb, handle.key, error)
            return False
        return True


def _killed_as_it_began(state: dict[str, Any]) -> bool:
    """Whether it was killed about when the engine counted it as started.

    It watches the memory only from then on, and what was killed before may take a
    moment to end. Who is left to have killed it is the kernel, for want of memory.
    """
    began, ended = (
        datetime.fromisoformat(state[name]) for name in ("StartedAt", "FinishedAt")
    )
    return state["ExitCode"] == _KILLED and ended < began + _BEGINNING


def _under_way(error: Exception) -> bool:
    return isinstance(error, APIError) and error.status_code == HTTPStatus.CONFLICT


def _sandbox(
    client: docker.APIClient,
    spec: ContainerSpec,
    volumes: list[str],
    oci_runtime: str | None,
) -> HostConfig:
    """No network, no privileges, nothing writable but the output and small tmpfs."""
    limits = spec.limits
    tmpfs = f"rw,nosuid,nodev,mode=1777,size={limits.tmp}"
    return client.create_host_config(
        network_mode="none",
        read_only=True,
        # A declared volume would be writable, and as large as the site's disk.
        tmpfs={folder: tmpfs for folder in ["/tmp", *volumes]},  # noqa: S108
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        init=True,  # ends at once when asked to, and reaps what is left
        nano_cpus=round(limits.cpus * 1e9),
        mem_limit=limits.memory,
        memswap_limit=limits.memory,
        pids_limit=limits.pids + (_OWN_THREADS if oci_runtime == GVISOR else 0),
        ulimits=[Ulimit(name="fsize", soft=limits.file_size, hard=limits.file_size)],
        log_config=LogConfig(
            type=LogConfig.types.JSON,
            config={"max-size": str(2 * limits.log + _LOG_AHEAD), "max-file": "1"},
        ),
        mounts=[_bind(mount) for mount in spec.mounts],
        runtime=oci_runtime,
    )


def _bind(mount: Mount) -> DockerMount:
    return DockerMount(mount.target, mount.source, "bind", read_only=mount.read_only)


@contextmanager
def _engine_errors(verb: str) -> Iterator[None]:
    """Says whose fault it was. The engine's own words stay in the site's log."""
    try:
        yield
    except APIError as error:
        log.warning("Docker could not %s a container: %s", verb, error.explanation)
        said = str(error.explanation)
        if _NO_RUNTIME.search(said):
            detail = "the container engine of this site lacks its OCI runtime"
            raise RunFailure(Code.RUNTIME_UNAVAILABLE, detail, retry=True) from None
        if _NO_COMMAND.search(said) and not _NO_MOUNT.search(said):
            detail = "the image has no command that can be started"
            raise RunFailure(Code.EXIT_NONZERO, detail) from None
        detail = f"the container engine could not {verb} the container"
        raise RunFailure(Code.INTERNAL, detail) from None
    except (DockerException, requests.RequestException) as error:
        log.warning("Docker did not answer (%s)", type(error).__name__)
        raise RuntimeUnavailable from None
