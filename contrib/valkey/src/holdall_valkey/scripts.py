"""The scripts, and how they are sent: on one server, what belongs together goes together; in a cluster nothing can."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

__all__ = ["Call", "Scripts"]

Call = tuple[Sequence[bytes], Sequence[Any]]
"""The keys and the arguments of a script."""

_AT_ONCE = 16
"""Calls to a cluster that wait at the same time."""
_TOGETHER = 64
"""Partitions that one server loads in one go: it does nothing else meanwhile."""


class Scripts:
    """``load``, ``commit``, ``drop`` and ``walk``. A server that has forgotten one has not run it, and gets it again."""

    def __init__(self, client: Any, *, cluster: bool) -> None:
        self._client = client
        self._cluster = cluster
        texts = files("holdall_valkey").joinpath("lua")
        self._scripts: dict[str, Any] = {
            name: client.register_script(texts.joinpath(f"{name}.lua").read_text("utf-8"))
            for name in ("load", "commit", "drop", "walk")
        }

    async def run(self, name: str, call: Call, *, after: Any = None) -> Any:
        """Run one, behind the commands of the pipeline ``after``; they are done before it in any case."""
        keys, args = call
        script = self._scripts[name]
        if after is not None and self._cluster and len(after):
            await after.execute()
        elif after is not None and len(after):
            after.evalsha(script.sha, len(keys), *keys, *args)
            try:
                return (await after.execute())[-1]
            except NoScriptError:
                pass  # it did not run: the commands before it did
        return await script(keys=keys, args=args)

    async def load(self, calls: Sequence[Call]) -> list[Any]:
        """Run ``load`` for many partitions, with the same spans: on one server together, a moment for each."""
        if self._cluster:
            return await self._each(calls)
        answers: list[Any] = []
        for at in range(0, len(calls), _TOGETHER):
            part = calls[at : at + _TOGETHER]
            answers += await self.run("load", ([key for keys, _ in part for key in keys], part[0][1]))
        return answers

    async def _each(self, calls: Sequence[Call]) -> list[Any]:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(call: Call) -> Any:
            async with gate:
                return (await self.run("load", call))[0]

        tasks = [asyncio.ensure_future(one(call)) for call in calls]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:  # those that are left when one has failed
                task.cancel()
