"""One session as an application holds it: what was last seen of it, and its operations."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from holdall.sessions.state import State
from holdall.sessions.views import Counts, Message, Page, ToolRun

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from holdall.sessions.branches.views import Branch, Comparison
    from holdall.sessions.compaction.active import ActiveContext
    from holdall.sessions.compaction.compacting import Compacted
    from holdall.sessions.compaction.records import Compaction
    from holdall.sessions.counted import Totals
    from holdall.sessions.live.notes import Change
    from holdall.sessions.parts.reading import LargePart
    from holdall.sessions.purging import Purged
    from holdall.sessions.redaction import Kept
    from holdall.sessions.search.views import SearchPage
    from holdall.sessions.store import Store
    from holdall.sessions.summaries.records import Summary
    from holdall.sessions.threads.reading import Thread

__all__ = ["Session"]


class Session:
    """A session at one version. Reads of fields are free; operations go to the storage and refresh the fields."""

    __slots__ = ("_store", "new", "state")

    def __init__(self, store: Store, state: State, *, new: bool = False) -> None:
        self._store = store
        self.new = new
        """Whether the call that gave this back created the session, rather than found it."""
        self.state = state
        """The moment that was last seen."""

    def __repr__(self) -> str:
        return f"<Session {self.id} of {self.owner} at {self.version}>"

    @property
    def id(self) -> str:
        """Unique and time-ordered."""
        return self.state.record.id

    @property
    def owner(self) -> str:
        """Whose it is."""
        return self.state.record.owner

    @property
    def key(self) -> str | None:
        """The owner's own name for it, when it was made by ``get_or_create``."""
        return self.state.record.key

    @property
    def project(self) -> str | None:
        """What it belongs to."""
        return self.state.record.project

    @property
    def title(self) -> str | None:
        """What people call it."""
        return self.state.record.title

    @property
    def tags(self) -> list[str]:
        """Words to find it by."""
        return list(self.state.record.tags)

    @property
    def metadata(self) -> dict[str, Any]:
        """The client's own fields: a copy, because changes go through ``update``."""
        from copy import deepcopy  # noqa: PLC0415 - when somebody asks

        return deepcopy(self.state.record.metadata)

    @property
    def status(self) -> str:
        """``active`` or ``ended``."""
        return self.state.record.status

    @property
    def version(self) -> int:
        """Grows with every step that a client can see; give it as ``expect``."""
        return self.state.head.changed

    @property
    def created_at(self) -> int:
        """Milliseconds since 1970, UTC."""
        return self.state.record.created_at

    @property
    def active_at(self) -> int:
        """When it was last written to: milliseconds since 1970, UTC."""
        return self.state.active_at // 1000

    @property
    def expires_at(self) -> int | None:
        """When it expires if nothing happens: milliseconds since 1970, UTC."""
        return self._store.engine.presence.expires_at(self.state)

    @property
    def current_branch(self) -> str:
        """The branch that is read, and added to, where nobody names one."""
        view = self.state.record.view
        return "main" if view is None else view.branch

    @property
    def reverted_to(self) -> str | None:
        """The id of the message that a revert made the last one that is shown."""
        view = self.state.record.view
        return None if view is None else view.to

    @property
    def counts(self) -> Counts:
        """How many messages, tool runs and originals it has."""
        return self.state.counts

    @property
    def size(self) -> int:
        """Bytes of messages, tool runs and originals."""
        return self.state.size

    def as_dict(self) -> dict[str, Any]:
        """Every field, as the HTTP API shows it."""
        record = self.state.record
        counts = self.counts
        fields: dict[str, Any] = {
            "id": record.id,
            "owner": record.owner,
            "key": record.key,
            "project": record.project,
            "title": record.title,
            "tags": self.tags,
            "metadata": self.metadata,
            "status": record.status,
            "version": self.version,
            "created_at": record.created_at,
            "active_at": self.active_at,
            "expires_at": self.expires_at,
            "ttl": record.ttl,
            "ends_at": record.ends_at,
            "counts": {"messages": counts.messages, "tools": counts.tools, "originals": counts.originals},
            "size": self.size,
            "branch": self.current_branch,
            "reverted_to": self.reverted_to,
        }
        if record.status == "ended":
            ended = {"at": record.ended_at, "by": record.ended_by, "reason": record.end_reason, "forced": record.forced}
            fields["ended"] = ended
        return fields

    @overload
    async def append(
        self,
        message: Mapping[str, Any],
        *,
        key: str | None = None,
        expect: int | None = None,
        branch: str | None = None,
    ) -> Message: ...

    @overload
    async def append(
        self,
        message: Sequence[Mapping[str, Any]],
        *,
        key: str | None = None,
        expect: int | None = None,
        branch: str | None = None,
    ) -> list[Message]: ...

    async def append(
        self,
        message: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        key: str | None = None,
        expect: int | None = None,
        branch: str | None = None,
    ) -> Message | list[Message]:
        """Store one message, or several in one atomic step; see ``Store.append``."""
        one = type(message) is dict or isinstance(message, Mapping)  # the first, nearly always, is quick to see
        several: Any = [message] if one else message  # pyright: ignore[reportUnknownVariableType]
        appended = await self._store.append(self.state.record.id, several, key=key, expect=expect, branch=branch)
        self.state = appended.state
        return appended.messages[0] if one else list(appended.messages)

    async def history(self, **asked: Any) -> Page[Message]:
        """A page of messages, oldest first; see ``Store.history``."""
        return await self._store.history(self.id, **asked)

    def messages(self, **asked: Any) -> AsyncIterator[Message]:
        """Every message, one after the other; see ``Store.messages``."""
        return self._store.messages(self.id, **asked)

    async def message(self, message: str, *, whole: bool = True) -> Message:
        """One message by its id; see ``Store.message``."""
        return await self._store.message(self.id, message, whole=whole)

    async def part(self, part: str) -> LargePart:
        """A large part by its hash; see ``Store.part``."""
        return await self._store.part(self.id, part)

    async def parts(self) -> list[LargePart]:
        """Its large parts; see ``Store.parts``."""
        return await self._store.parts(self.id)

    async def whole(self, messages: Sequence[Message]) -> list[Message]:
        """Messages that were read by reference, with their large parts; see ``Store.whole``."""
        return await self._store.whole(self.id, messages)

    async def threads(self, *, limit: int = 50, before: str | None = None, after: str | None = None) -> Page[Thread]:
        """A page of its threads; see ``Store.threads``."""
        return await self._store.threads(self.id, limit=limit, before=before, after=after)

    async def thread(self, message: str, **asked: Any) -> Page[Message]:
        """A page of the thread that a message is in; see ``Store.thread``."""
        return await self._store.thread(self.id, message, **asked)

    async def edit(self, message: str, *, expect: int | None = None, **changes: Any) -> Message:
        """Change fields of a message; see ``Store.edit``."""
        return await self._store.edit(self.id, message, changes, expect=expect)

    async def redact(self, message: str, **asked: Any) -> Message:
        """Have a message say that it was redacted; see ``Store.redact``."""
        return await self._store.redact(self.id, message, **asked)

    async def purge(self, **what: Any) -> Purged:
        """Erase a message, a deleted branch or all of it for good; see ``Store.purge``."""
        return await self._store.purge(self.id, **what)

    async def redacted(self, message: str) -> list[Kept]:
        """What a message said before it was redacted; see ``Store.redacted``."""
        return await self._store.redacted(self.id, message)

    async def versions(self, message: str, *, limit: int = 50, cursor: str | None = None) -> Page[Message]:
        """Every version of a message, the newest first; see ``Store.versions``."""
        return await self._store.versions(self.id, message, limit=limit, cursor=cursor)

    async def restore_version(self, message: str, version: int, *, expect: int | None = None) -> Message:
        """Make an earlier version of a message the newest again; see ``Store.restore_version``."""
        return await self._store.restore_version(self.id, message, version, expect=expect)

    async def search(self, query: str | None = None, **asked: Any) -> SearchPage:
        """Find messages in it; see ``Store.search``."""
        return await self._store.search(query, session=self.id, **asked)

    async def clear(self, *, expect: int | None = None) -> int:
        """Erase the conversation; see ``Store.clear``."""
        count = await self._store.clear(self.id, expect=expect)
        await self.refresh()
        return count

    async def fork(self, **asked: Any) -> Branch:
        """Make a branch; see ``Store.fork``."""
        branch = await self._store.fork(self.id, **asked)
        self.state = branch.state
        return branch

    async def start_sub(self, under: str, **asked: Any) -> Branch:
        """Start a sub-conversation under a message, or a branch; see ``Store.start_sub``."""
        branch = await self._store.start_sub(self.id, under, **asked)
        self.state = branch.state
        return branch

    async def branches(self, **asked: Any) -> Page[Branch]:
        """A page of its branches; see ``Store.branches``."""
        return await self._store.branches(self.id, **asked)

    async def branch(self, branch: str) -> Branch:
        """One of its branches; see ``Store.branch``."""
        return await self._store.branch(self.id, branch)

    async def update_branch(self, branch: str, **changes: Any) -> Branch:
        """Change a branch's title; see ``Store.update_branch``."""
        found = await self._store.update_branch(self.id, branch, **changes)
        self.state = found.state
        return found

    async def delete_branch(self, branch: str, *, expect: int | None = None) -> None:
        """Delete a branch; see ``Store.delete_branch``."""
        self.state = (await self._store.delete_branch(self.id, branch, expect=expect)).state

    async def restore_branch(self, branch: str, *, expect: int | None = None) -> None:
        """Bring a deleted branch back; see ``Store.restore_branch``."""
        self.state = (await self._store.restore_branch(self.id, branch, expect=expect)).state

    async def switch(self, branch: str, *, expect: int | None = None) -> None:
        """Make a branch the current one; see ``Store.switch``."""
        self.state = (await self._store.switch(self.id, branch, expect=expect)).state

    async def revert(self, to: str, *, branch: str | None = None, expect: int | None = None) -> None:
        """End what it shows at the message ``to``; see ``Store.revert``."""
        self.state = (await self._store.revert(self.id, to, branch=branch, expect=expect)).state

    async def unrevert(self, *, expect: int | None = None) -> None:
        """Take the last revert back; see ``Store.unrevert``."""
        self.state = (await self._store.unrevert(self.id, expect=expect)).state

    async def compare(self, branch: str, other: str | None = None, *, limit: int = 50) -> Comparison:
        """What two branches have in common, and what differs; see ``Store.compare``."""
        return await self._store.compare(self.id, branch, other, limit=limit)

    async def totals(self, branch: str | None = None) -> Totals:
        """What its messages come to, or those of one branch; see ``Store.totals``."""
        told = await self._store.totals(self.id, branch)
        self.state = told.state
        return told.totals

    async def active_context(self, *, branch: str | None = None, budget: int | None = None) -> ActiveContext:
        """What a model should see now; see ``Store.active_context``."""
        return await self._store.active_context(self.id, branch=branch, budget=budget)

    async def compact(self, **asked: Any) -> Compacted:
        """Make what a model sees fit a budget; see ``Store.compact``."""
        return await self._store.compact(self.id, **asked)

    async def compactions(self, **asked: Any) -> Page[Compaction]:
        """A page of what was compacted; see ``Store.compactions``."""
        return await self._store.compactions(self.id, **asked)

    async def summarise(self, **asked: Any) -> Summary:
        """Summarise messages; see ``Store.summarise``."""
        return await self._store.summarise(self.id, **asked)

    async def summaries(self, **asked: Any) -> Page[Summary]:
        """A page of its summaries; see ``Store.summaries``."""
        return await self._store.summaries(self.id, **asked)

    async def log_tool(self, tool: str, **run: Any) -> ToolRun:
        """Log one run of a tool; the fields are those of ``NewToolRun``."""
        appended = await self._store.append(self.id, (), tools=[{"tool": tool, **run}])
        self.state = appended.state
        return appended.tools[0]

    async def finish_tool_run(self, run: str, **end: Any) -> ToolRun:
        """Record how a running tool ended; see ``Store.finish_tool_run``."""
        return await self._store.finish_tool_run(self.id, run, **end)

    async def tool_runs(self, **filters: Any) -> Page[ToolRun]:
        """A page of the tool execution log; see ``Store.tool_runs``."""
        return await self._store.tool_runs(self.id, **filters)

    async def update(self, *, expect: int | None = None, **changes: Any) -> None:
        """Change project, title, tags, metadata or ttl; see ``Store.update``."""
        self.state = (await self._store.update(self.id, expect=expect, **changes)).state

    async def extend(self, *, ttl: int | None = None, expect: int | None = None) -> None:
        """Restart the idle time; see ``Store.extend``."""
        self.state = (await self._store.extend(self.id, ttl=ttl, expect=expect)).state

    async def heartbeat(self) -> None:
        """Keep it alive without writing to it; see ``Store.heartbeat``."""
        self.state = (await self._store.heartbeat(self.id)).state

    async def end(self, *, reason: str | None = None, force: bool = False, expect: int | None = None) -> None:
        """End it; see ``Store.end``."""
        self.state = (await self._store.end(self.id, reason=reason, force=force, expect=expect)).state

    async def delete(self, *, expect: int | None = None) -> None:
        """Delete it and its content."""
        await self._store.delete(self.id, expect=expect)

    def follow(self, after: str | None = None) -> AsyncGenerator[Change]:
        """Every change to it, once and in order, as it happens; see ``Store.follow``."""
        return self._store.follow(self.id, after)

    async def refresh(self) -> None:
        """See what others did to it."""
        self.state = (await self._store.get(self.id)).state
