"""How many connections the descriptors of a process leave room for: each takes one, as does each file of a storage."""

from __future__ import annotations

import contextlib
import logging

try:
    import resource
except ImportError:  # there is no such limit
    resource = None

__all__ = ["make_room", "room"]

log = logging.getLogger("holdall.server")
_OTHERS = 768
"""Descriptors that are not for connections: the file backend keeps up to 512 sessions open."""


def make_room(connections: int) -> None:
    """Raise this process's own limit, as far as the system lets it, so that there is room for ``connections``."""
    if resource is None:
        return
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHERS if most == resource.RLIM_INFINITY else min(connections + _OTHERS, most)
    if limit != resource.RLIM_INFINITY and limit < wanted:
        with contextlib.suppress(OSError, ValueError):  # a sandbox may forbid it: then there is less room
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def room(connections: int) -> int:
    """How many of ``connections`` there is room for; where that is fewer, the log says so."""
    if resource is None:
        return connections
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY or limit >= connections + _OTHERS:
        return connections
    fewer = min(max(limit - _OTHERS, limit // 8, 1), connections)
    if fewer < connections:
        log.warning(
            "server.max_connections is %s, but %s descriptors (ulimit -n) leave room for %s connections",
            connections,
            limit,
            fewer,
        )
    return fewer
