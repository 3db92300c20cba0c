"""The server, its database and its message broker go away, and come back."""

import redis

from tools.drills.recipe import Recipe
from tools.drills.stage import Stage
from tools.drills.verdict import Promise


def server_down_while_tasks_end(stage: Stage) -> Promise:
    stage.send(seconds=1, times=2)
    runs = stage.runs()
    stage.await_running()
    stage.server.kill()
    stage.await_gone(runs)
    stage.server.start()
    return Promise()


def server_restarted(stage: Stage) -> Promise:
    stage.send(seconds=1, times=2)
    stage.await_running()
    stage.server.stop()
    stage.server.start()
    return Promise()


def postgres_restarted(stage: Stage) -> Promise:
    stage.send(seconds=1, times=2)
    stage.await_running()
    stage.postgres.crash()
    stage.postgres.start()
    return Promise()


def redis_flushed(stage: Stage) -> Promise:
    stage.send(seconds=1)
    with redis.Redis.from_url(stage.redis.url) as client:
        client.flushall()
    stage.send()
    return Promise()


def redis_killed(stage: Stage) -> Promise:
    """Without it nobody is let in: failures to identify oneself are counted there."""
    stage.send(seconds=1, times=2)
    runs = stage.runs()
    stage.await_running()
    stage.redis.kill()
    stage.await_gone(runs)
    stage.redis.start()
    return Promise()


SERVICES = (
    Recipe(
        "server killed, and back when the containers have ended",
        server_down_while_tasks_end,
    ),
    Recipe("server restarted while containers run", server_restarted),
    Recipe("PostgreSQL restarted at once while containers run", postgres_restarted),
    Recipe("Redis flushed", redis_flushed),
    Recipe("Redis killed, and back when the containers have ended", redis_killed),
)
