"""The connection: nothing is retried behind our back, and the server keeps what the configuration demands."""

from __future__ import annotations

import time
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from holdall.errors import StorageUnavailable
from holdall_valkey.settings import ValkeySettings

__all__ = ["check", "connect"]


def connect(settings: ValkeySettings) -> Any:
    """A client of the server or of the cluster, with each node's connections bounded."""
    url = settings.url.replace("valkey", "redis", 1) if settings.url.startswith("valkey") else settings.url
    told: dict[str, Any] = {
        "socket_timeout": settings.deadline,
        "socket_connect_timeout": settings.deadline,
        "max_connections": settings.connections,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    if (password := settings.password()) is not None:
        told["password"] = password
    kind: Any = RedisCluster if settings.cluster else Redis
    return kind.from_url(url, **told)


async def check(client: Any, settings: ValkeySettings) -> None:
    """Raise unless every node evicts nothing, syncs as the configuration demands, and has our time."""
    wanted = {"maxmemory-policy": "noeviction"}
    if settings.durability != "none":
        wanted["appendonly"] = "yes"
    if settings.durability == "power":
        wanted |= {"appendfsync": "always", "no-appendfsync-on-rewrite": "no"}
    for name, value in wanted.items():
        for node, found in (await _told(client, settings, "CONFIG GET", name)).items():
            told = _text(_value(found))
            if told != value:
                raise StorageUnavailable(
                    f"{node} has {name} = {told}; durability {settings.durability!r} needs {value}"
                )
    for node, found in (await _told(client, settings, "TIME")).items():
        apart = abs(int(found[0]) - time.time())
        if apart > max(settings.deadline / 2, 1):
            raise StorageUnavailable(f"the clock of {node} and ours are {apart:.0f} s apart; calls would come too late")


async def _told(client: Any, settings: ValkeySettings, *command: str) -> dict[str, Any]:
    """What each node that takes writes answers; its name comes with it."""
    try:
        if not settings.cluster:
            return {"the server": await client.execute_command(*command)}
        nodes = client.get_primaries()
        return {node.name: await client.execute_command(*command, target_nodes=node) for node in nodes}
    except ResponseError as error:
        raise StorageUnavailable(f"the server does not answer {' '.join(command)}: {error}") from None


def _value(found: Any) -> Any:
    """The value of one setting: a mapping, or a flat list of names and values."""
    values: list[Any] = list(found.values()) if isinstance(found, dict) else list(found)[1:]  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    return values[0] if values else ""


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
