"""One namespace of one thread: reading and writing its checkpoints in its session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    PendingWrite,
    writes_sort_key,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from holdall import Conflict, NotFound
from holdall_langgraph.messages import FIELD, Place, Run, digest, is_messages, loaded, record, runs_of
from holdall_langgraph.records import CHECKPOINT, REMOVED, WRITES, entry, payload
from holdall_langgraph.remembered import Listed, Memos, remembered
from holdall_langgraph.sessions import Sessions
from holdall_langgraph.trail import Step, Trail, version_key

__all__ = ["Thread", "parent_of"]

T = TypeVar("T")
_BATCH = 1000
"""Messages in one step, as Holdall allows by default."""
_LARGEST = 96 << 10
"""Bytes of a serialised message that is stored as a message."""
_WORTH = 32
"""So many messages read of a list make it worth remembering anew."""


class Thread:
    """A namespace of a thread, and what is known of its session."""

    def __init__(self, sessions: Sessions, name: str, namespace: str, serde: SerializerProtocol, memos: Memos) -> None:
        self.namespace = namespace
        self._sessions = sessions
        self._store = sessions.store
        self._name = name
        self._serde = serde
        self._memos = memos
        self._lock = asyncio.Lock()
        self._trail: Trail | None = None

    def config(self, checkpoint: str) -> RunnableConfig:
        """How LangGraph names a checkpoint."""
        names = {"thread_id": self._name, "checkpoint_ns": self.namespace, "checkpoint_id": checkpoint}
        return {"configurable": names}

    async def read(self, checkpoint: str | None) -> CheckpointTuple | None:
        """A checkpoint, or the one with the greatest id."""

        async def found(trail: Trail) -> CheckpointTuple | None:
            step = trail.steps.get(checkpoint or trail.newest)
            return step and await self._tuple(trail, step)

        return await self._on(found)

    async def walk(
        self, only: str | None, until: str | None, wanted: Mapping[str, Any]
    ) -> AsyncIterator[CheckpointTuple]:
        """The checkpoints whose metadata say what is wanted, the greatest id first."""

        async def steps(trail: Trail) -> list[str]:
            return sorted(trail.steps, reverse=True)

        for name in await self._on(steps) or []:
            if (only is None or name == only) and (until is None or name < until):
                found = await self.read(name)
                metadata = cast("dict[str, Any]", found.metadata if found else {})
                if found and all(metadata.get(key) == value for key, value in wanted.items()):
                    yield found

    async def _tuple(self, trail: Trail, step: Step) -> CheckpointTuple:
        loads = self._serde.loads_typed
        stored, metadata, _ = await self._content(trail, step.at)
        checkpoint: Checkpoint = loads(tuple(stored))
        values: dict[str, Any] = {}
        for channel, version in checkpoint["channel_versions"].items():
            at = trail.values.get((channel, version_key(version)))
            if at is not None:
                found = await self._value(trail, channel, (await self._content(trail, at))[2][channel])
                values.update({channel: found[0]} if found else {})
        parent = self.config(step.parent) if step.parent else None
        pending = await self._pending(trail, step.id)
        whole: Any = {**checkpoint, "channel_values": values}
        return CheckpointTuple(self.config(step.id), whole, loads(tuple(metadata)), parent, pending)

    async def _content(self, trail: Trail, at: str) -> Any:
        return await payload(self._store, trail.session, await self._store.tool_run(trail.session, at))

    async def _value(self, trail: Trail, channel: str, stored: Sequence[Any]) -> tuple[Any] | None:
        kind, content = stored
        if kind == "none":
            return None
        if kind == "messages":
            return (await self._messages(trail, channel, [tuple(run) for run in content]),)
        return (self._serde.loads_typed((kind, content)),)

    async def _messages(self, trail: Trail, channel: str, runs: Sequence[Run]) -> list[Any]:
        """The messages of a list: what is remembered of it, and the rest from the store."""
        memo = self._memos.of(trail.session, channel, trail.state)
        count, rest = memo.split(runs) if memo else (0, runs)
        found = memo.made(count, self._serde) if memo and count else []
        read = [one for run in rest for one in await trail.messages(*run)]
        found += [self._serde.loads_typed(loaded(one[FIELD])) for one in read]
        if len(read) >= _WORTH:
            fresh = remembered(trail.state, runs, read[-1].id, found, self._serde)
            if fresh:
                self._memos.keep(trail.session, channel, fresh)
        return found

    async def _pending(self, trail: Trail, checkpoint: str) -> list[PendingWrite]:
        """What tasks wrote after a checkpoint, in the order in which a run applies it."""
        found: dict[tuple[str, int], tuple[str, PendingWrite]] = {}
        for at in trail.writes.get(checkpoint, ()):
            task, path, writes = await self._content(trail, at)
            for index, channel, kind, data in writes:
                if index < 0 or (task, index) not in found:
                    found[task, index] = path, (task, channel, self._serde.loads_typed((kind, data)))
        order = sorted(found, key=lambda name: writes_sort_key(found[name][0], *name))
        return [found[name][1] for name in order]

    async def put(
        self,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
        parent: str | None,
    ) -> None:
        """Store a checkpoint, and of lists of messages what is new in them."""
        dumps = self._serde.dumps_typed
        values: Mapping[str, Any] = checkpoint["channel_values"]
        bare = {name: value for name, value in checkpoint.items() if name != "channel_values"}
        head = dumps(bare), dumps(metadata)
        gone: dict[str, tuple[str, Any]] = {name: ("none", None) for name in new_versions if name not in values}
        # All is serialised before anything is waited for: LangGraph goes on meanwhile, and nodes may change messages.
        given = {name: self._given(name, values[name]) for name in new_versions if name in values}
        run_id = cast("dict[str, Any]", metadata).get("run_id")
        arguments = {"id": checkpoint["id"], "parent": parent, "run": run_id, "channels": dict(new_versions)}

        def made(trail: Trail) -> tuple[list[Any], list[Any]]:
            fresh: dict[bytes, tuple[int, Any]] = {}
            stored = {
                name: ("messages", self._runs(trail, each, fresh)) if isinstance(each, Listed) else each
                for name, each in given.items()
            }
            return [each for _, each in fresh.values()], entry(CHECKPOINT, arguments, [*head, {**gone, **stored}])

        await self._write(made)

    def _given(self, channel: str, value: Any) -> Listed | tuple[str, Any]:
        """A channel's value as it is now: serialised, or for a list of messages, where it is known and what is not."""
        dumps = self._serde.dumps_typed
        if not is_messages(value):
            return dumps(value)
        trail = self._trail
        memo = None if trail is None else self._memos.of(trail.session, channel, trail.state)
        if memo is not None and not memo.begins(value, self._serde):
            memo = None
        typed = [(one, dumps(one)) for one in value[len(memo.kinds) if memo else 0 :]]
        if max((len(data) for _, (_, data) in typed), default=0) > _LARGEST:
            return dumps(value)
        return Listed(memo, typed)

    def _runs(self, trail: Trail, given: Listed, fresh: dict[bytes, tuple[int, Any]]) -> Any:
        """Where the messages of a list lie; those that are not stored yet will lie behind the last, in ``fresh``."""
        memo, listed = given.at(trail.state, self._serde)
        places: list[Place] = []
        behind: list[Place] = []
        for message, typed in listed:
            name = digest(typed)
            known = trail.elements.get(name)
            if known is None:
                at = fresh.setdefault(name, (len(fresh), record(message, typed, self._serde)))[0]
                known = (trail.last, at), (trail.last, at + 1)
            places.append(known[0])
            behind.append(known[1])
        return runs_of(places, behind, memo.runs if memo else (), memo.end if memo else None)

    async def put_writes(self, checkpoint: str, writes: Sequence[tuple[str, Any]], task: str, path: str) -> None:
        """Store what a task wrote."""
        rows = [
            (WRITES_IDX_MAP.get(name, at), name, *self._serde.dumps_typed(of)) for at, (name, of) in enumerate(writes)
        ]
        entries = entry(WRITES, {"checkpoint": checkpoint}, (task, path, rows))
        await self._write(lambda _: ([], entries))

    async def _write(self, made: Callable[[Trail], tuple[list[Any], list[Any]]]) -> None:
        """Append what ``made`` says to the session as it is known, or again as it turned out to be."""

        async def append(trail: Trail) -> bool:
            while True:
                messages, entries = made(trail)
                if not entries:
                    return False
                more = len(messages) > _BATCH
                if more:  # they go first, and are known when the rest is made again
                    messages, entries = messages[:_BATCH], []
                try:
                    added = await self._store.append(trail.session, messages, tools=entries, expect=trail.version)
                except Conflict:
                    await trail.catch_up()
                    continue
                for run in added.tools:
                    trail.see_entry(run)
                for message in added.messages:
                    trail.see_message(message)
                trail.version = added.state.head.changed
                if not more:
                    return True

        await self._on(append, create=True)

    async def remove(self, unwanted: Callable[[Step], bool]) -> None:
        """Take steps, and their writes, out of the thread. Their records stay until the thread is deleted."""

        def made(trail: Trail) -> tuple[list[Any], list[Any]]:
            gone = [step.id for step in trail.steps.values() if unwanted(step)]
            return [], [{"tool": REMOVED, "arguments": {"ids": gone}}] if gone else []

        await self._write(made)

    async def needed(self) -> set[str]:
        """The latest checkpoint and, for channels of which it only has changes, its ancestors up to their values."""
        found = await self.read(None)
        kept: set[str] = set()
        counters = "counters_since_delta_snapshot"
        missing = set(cast("dict[str, Any]", found.metadata).get(counters) or {}) if found else set[str]()
        while found:
            kept.add(found.checkpoint["id"])
            missing -= set(found.checkpoint["channel_values"])
            parent = parent_of(found)
            found = await self.read(parent) if parent and missing else None
        return kept

    async def copy(self, target: Thread) -> None:
        """Put every checkpoint, with its writes, into ``target``."""
        copied: set[tuple[str, str]] = set()
        found = [one async for one in self.walk(None, None, {})]
        for one in reversed(found):
            versions = one.checkpoint["channel_versions"]
            new = {name: of for name, of in versions.items() if (name, version_key(of)) not in copied}
            copied |= {(name, version_key(of)) for name, of in new.items()}
            await target.put(one.checkpoint, one.metadata, new, parent_of(one))
            await target.copy_writes(self, one.checkpoint["id"])

    async def copy_writes(self, source: Thread, checkpoint: str) -> None:
        """Put the writes of a checkpoint of ``source`` here, as they are stored there."""

        async def stored(trail: Trail) -> list[Any]:
            return [await source._content(trail, at) for at in trail.writes.get(checkpoint, ())]

        for content in await source._on(stored) or []:
            entries = entry(WRITES, {"checkpoint": checkpoint}, content)
            await self._write(lambda _, entries=entries: ([], entries))

    async def delete(self) -> None:
        """Delete the session."""

        async def gone(trail: Trail) -> None:
            await self._store.delete(trail.session)
            self._trail = None

        await self._on(gone)

    async def _on(self, act: Callable[[Trail], Awaitable[T]], *, create: bool = False) -> T | None:
        """What ``act`` gives for the thread as it is now; ``None`` if there is none and it is not to be created."""
        async with self._lock:
            if self._trail is not None:
                try:
                    return await self._acted(self._trail, act, current=create)
                except NotFound:  # deleted, expired or cleared since
                    self._trail = None
            session = await self._sessions.session(self._name, self.namespace, create=create)
            if session is None:
                return None
            self._trail = Trail(self._store, session)
            return await self._acted(self._trail, act, current=False)

    @staticmethod
    async def _acted(trail: Trail, act: Callable[[Trail], Awaitable[T]], *, current: bool) -> T:
        if not current:  # a write finds out by itself
            await trail.catch_up()
        return await act(trail)


def parent_of(found: CheckpointTuple) -> str | None:
    """The id of the checkpoint before this one."""
    config = found.parent_config
    return config.get("configurable", {})["checkpoint_id"] if config else None
