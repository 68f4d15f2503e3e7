"""Whether a message that may match is there, does match, and may be seen: read from the storage, at one moment."""

from __future__ import annotations

from collections.abc import Sequence

from holdall.contract import Span
from holdall.errors import Conflict, Damaged, NotFound
from holdall.searching import Hit, Query
from holdall.sessions.branches.origins import is_live
from holdall.sessions.branches.pages import line
from holdall.sessions.engine import Engine
from holdall.sessions.names import MAIN, branch_of, messages_lane
from holdall.sessions.parts.joining import whole
from holdall.sessions.reader import Check, View
from holdall.sessions.search.sharing import Share
from holdall.sessions.search.texts import labels_of, text_of
from holdall.sessions.search.views import Match, snippet_of
from holdall.sessions.state import State
from holdall.sessions.views import Message

__all__ = ["Checker"]


class Checker:
    """What one search asks of each message."""

    def __init__(  # noqa: PLR0913 - each is a thing that a caller may ask
        self,
        engine: Engine,
        query: Query | None,
        check: Check,
        *,
        labels: Sequence[str],
        project: str | None,
        tag: str | None,
        since: int | None,
        until: int | None,
        scored: bool,
    ) -> None:
        self.engine = engine
        self.check = check
        self._query = query
        self._share = Share(engine.turns)
        self._labels = frozenset(labels)
        self._project = project
        self._tag = tag
        self._since = since
        self._until = until
        self._scored = scored

    async def matches(self, hits: Sequence[Hit]) -> list[Match | None]:
        """What is to be shown of each of ``hits``; ``None``: nothing."""
        views: dict[str, View | None] = {}
        for session in dict.fromkeys(hit.key.session for hit in hits):
            places = [(hit.key.branch, hit.key.position) for hit in hits if hit.key.session == session]
            views[session] = await self._view(session, places)
        return [await self._match(views[hit.key.session], hit) for hit in hits]

    async def shown(self, view: View, branch: str, position: int, score: float | None = None) -> Match | None:
        """The message at a position of a branch, if it is one, matches and may be seen."""
        lane = messages_lane(branch)
        raw = view.records.get((lane, position))
        if raw is None or (branch != MAIN and position == view.state.head.lanes[lane].first):
            return None
        message = Message(raw)
        try:
            (full,) = await whole(self.engine, view.state.record.id, [message], self.check)
        except (Conflict, NotFound):  # cleared or deleted meanwhile
            return None
        text = text_of(full)
        await self._share.read(len(text))
        places = await self._places(full, text)
        if places is None or not self.wants(view.state) or not await self._is_of_live(view, branch, position):
            return None
        record = view.state.record
        about = record.id, branch, record.owner, record.project, record.title
        return Match(message, *about, snippet_of(text, places), score)

    def wants(self, state: State) -> bool:
        """Whether messages of the session can be wanted."""
        record = state.record
        return self._project in {None, record.project} and (self._tag is None or self._tag in record.tags)

    async def _places(self, message: Message, text: str) -> list[tuple[int, int]] | None:
        """Where the message matches; ``None``: it does not."""
        at = message.created_at
        if (self._since is not None and at < self._since) or (self._until is not None and at >= self._until):
            return None
        if not self._labels.issubset(labels_of(message)):
            return None
        if self._query is None:
            return []
        return await self._share.look(self._query.looking(text)) or None

    async def _view(self, session: str, places: Sequence[tuple[str, int]]) -> View | None:
        """The messages of a session, if there is one that the caller may see."""
        spans = [Span(messages_lane(branch), position, position + 1) for branch, position in places]
        try:
            return await self.engine.view(session, *spans, check=self.check)
        except (NotFound, Damaged):  # gone, another's, or told of where it is read: here it is only not found
            return None

    async def _match(self, view: View | None, hit: Hit) -> Match | None:
        score = hit.score if self._scored else None
        return None if view is None else await self.shown(view, hit.key.branch, hit.key.position, score)

    async def _is_of_live(self, view: View, branch: str, position: int) -> bool:
        """Whether a branch that is not deleted has the message."""
        head, session = view.state.head, view.state.record.id
        if is_live(head, branch):
            return True
        for name in filter(None, map(branch_of, head.lanes)):
            if is_live(head, name):
                found = await line(self.engine, session, name, self.check)
                if found.holds(branch, position):
                    return True
        return False
