"""The checkpointer: a thread's namespace is a session, its checkpoints and writes are entries of the session's tool log."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from holdall import Store
from holdall_langgraph.bridge import Bridge
from holdall_langgraph.remembered import Memos
from holdall_langgraph.sessions import Sessions
from holdall_langgraph.thread import Thread

__all__ = ["HoldallSaver"]

_KNOWN = 256
"""Threads of which a process remembers where everything lies."""


class HoldallSaver(BaseCheckpointSaver[str]):
    """Checkpoints in an open ``store``, as sessions of ``owner``.

    Asynchronous calls belong on the store's event loop, synchronous ones in other threads; a program without a loop gets
    one by ``opened``, and gives its ``bridge``. ``fields`` (project, ttl, …) are for sessions when they are created.
    """

    def __init__(
        self,
        store: Store,
        *,
        owner: str | None = None,
        serde: SerializerProtocol | None = None,
        bridge: Bridge | None = None,
        **fields: Any,
    ) -> None:
        super().__init__(serde=serde)
        self._bridge = bridge or Bridge()
        self._sessions = Sessions(store, owner, fields)
        self._memos = Memos()
        self._known: OrderedDict[tuple[str, str, int], Thread] = OrderedDict()

    def _thread(self, name: str, namespace: str) -> Thread:
        """One namespace of a thread, whether or not there is anything in it; what is known of the latest is kept."""
        known, key = self._known, (name, namespace, id(self.serde))
        found = known.setdefault(key, Thread(self._sessions, name, namespace, self.serde, self._memos))
        known.move_to_end(key)
        while len(known) > _KNOWN:
            known.popitem(last=False)
        return found

    async def _all(self, name: str | None) -> Sequence[Thread]:
        return [self._thread(*each) async for each in self._sessions.of(name)]

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that ``config`` names, or the latest of its thread and namespace."""
        name, namespace = _of(config)
        thread = self._thread(name, namespace or "")
        return await thread.read(get_checkpoint_id(config))

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Checkpoints, newest first; of one namespace, of a thread, or of every thread of the owner."""
        only = get_checkpoint_id(config) if config else None
        until = get_checkpoint_id(before) if before else None
        left = limit
        for thread in await self._matching(config):
            async for found in thread.walk(only, until, filter or {}):
                if left is not None and left <= 0:
                    return
                left = None if left is None else left - 1
                yield found

    async def _matching(self, config: RunnableConfig | None) -> Sequence[Thread]:
        name, namespace = _of(config) if config else (None, None)
        if name is not None and namespace is not None:
            return [self._thread(name, namespace)]
        return await self._all(name)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint with the values of the channels in ``new_versions``, in one atomic step."""
        name, namespace = _of(config)
        thread = self._thread(name, namespace or "")
        kept = get_checkpoint_metadata(config, metadata)
        await thread.put(checkpoint, kept, new_versions, get_checkpoint_id(config))
        return thread.config(checkpoint["id"])

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote after a checkpoint."""
        name, namespace = _of(config)
        thread = self._thread(name, namespace or "")
        await thread.put_writes(str(get_checkpoint_id(config)), writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete the sessions of a thread: all of its namespaces."""
        for thread in await self._all(thread_id):
            await thread.delete()

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Remove the checkpoints of these runs, and their writes, from every thread of the owner."""
        wanted = set(run_ids)
        if not wanted:
            return
        for thread in await self._all(None):
            await thread.remove(lambda step: step.run_id in wanted)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy every checkpoint of a thread, with its writes, to another."""
        for source in await self._all(source_thread_id):
            await source.copy(self._thread(target_thread_id, source.namespace))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """``delete`` the threads, or ``keep_latest``: of each namespace the latest checkpoint, and what it is made of."""
        for name in thread_ids:
            if strategy == "delete":
                await self.adelete_thread(name)
                continue
            for thread in await self._all(name):
                kept = await thread.needed()
                await thread.remove(lambda step, kept=kept: step.id not in kept)

    def get_next_version(self, current: str | float | None, channel: None) -> str:  # noqa: ARG002 - not used any more
        """A version behind ``current`` that no other branch of the thread gets."""
        number = 0 if current is None else int(str(current).split(".")[0])
        return f"{number + 1:032}.{random.getrandbits(64):016x}"

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See ``aget_tuple``."""
        return self._bridge.wait(self.aget_tuple(config))

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """See ``alist``."""
        found = self.alist(config, filter=filter, before=before, limit=limit)
        while (one := self._bridge.wait(_next(found))) is not None:
            yield one

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """See ``aput``."""
        return self._bridge.wait(self.aput(config, checkpoint, metadata, new_versions))

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See ``aput_writes``."""
        self._bridge.wait(self.aput_writes(config, writes, task_id, task_path))

    def delete_thread(self, thread_id: str) -> None:
        """See ``adelete_thread``."""
        self._bridge.wait(self.adelete_thread(thread_id))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """See ``adelete_for_runs``."""
        self._bridge.wait(self.adelete_for_runs(run_ids))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """See ``acopy_thread``."""
        self._bridge.wait(self.acopy_thread(source_thread_id, target_thread_id))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """See ``aprune``."""
        self._bridge.wait(self.aprune(thread_ids, strategy=strategy))


def _of(config: RunnableConfig) -> tuple[str, str | None]:
    given = config.get("configurable", {})
    return str(given["thread_id"]), given.get("checkpoint_ns")


async def _next(found: AsyncIterator[CheckpointTuple]) -> CheckpointTuple | None:
    return await anext(found, None)
