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
"""Calls to one server that are sent together."""


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

    async def run_many(self, name: str, calls: Sequence[Call]) -> list[Any]:
        """Run one that only reads, many times."""
        if self._cluster:
            return await self._each(name, calls)
        answers: list[Any] = []
        for at in range(0, len(calls), _TOGETHER):
            answers += await self._together(name, calls[at : at + _TOGETHER])
        return answers

    async def _together(self, name: str, calls: Sequence[Call]) -> list[Any]:
        script = self._scripts[name]
        for _ in range(2):
            pipe = self._client.pipeline(transaction=False)
            for keys, args in calls:
                pipe.evalsha(script.sha, len(keys), *keys, *args)
            try:
                return await pipe.execute()
            except NoScriptError:
                await self._client.script_load(script.script)
        return await self._each(name, calls)

    async def _each(self, name: str, calls: Sequence[Call]) -> list[Any]:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(call: Call) -> Any:
            async with gate:
                return await self.run(name, call)

        tasks = [asyncio.ensure_future(one(call)) for call in calls]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:  # those that are left when one has failed
                task.cancel()
