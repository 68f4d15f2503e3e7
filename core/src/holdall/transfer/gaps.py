"""Knowing what was imported before and is redacted or purged since, by what stands in for it: it is kept out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdall.formats.records import Entry
from holdall.sessions.standins import StandIn, base_of, digest_of

__all__ = ["Gaps"]

Digest = bytes


class Gaps:
    """The places, among a session's originals, of records that are kept out; each is of one record only.

    A record with a time of its own is known by that and its role. One without is known by what comes before it, which is
    all that can be told of it: the content says nothing any more.
    """

    def __init__(self, first: int, stand_ins: Mapping[int, StandIn], before: Mapping[int, Digest]) -> None:
        self._items = {one.item for one in stand_ins.values()} - {None}
        """Pieces of documents that are kept out, by the digest of their names."""
        self._nodes = {digest: message for one in stand_ins.values() for digest, message in one.nodes.items()}
        """Messages of those that are redacted, by the digest of their nodes."""
        self._first = first
        self._open = {at: one for at, one in sorted(stand_ins.items()) if one.item is None}
        self._before = before
        """Digests of originals by their positions: of every one before a gap."""
        self._last: Digest | int | None = first - 1
        """The record that came just now: the digest of one that the session has, or the gap of one that is kept out."""

    def pass_by(self, last: Digest | int | None) -> None:
        """A record came: the session has it, it fills a gap, or it is new."""
        self._last = last

    def take(self, entry: Entry) -> bool:
        """Whether ``entry``, which the session does not have, is to be kept out."""
        if entry.node is not None:
            return self.has_item(entry.node)
        found = self._gap(entry.message) if self._open and entry.message is not None else None
        if found is not None:
            del self._open[found]
        self.pass_by(found)
        return found is not None

    def has_item(self, node: str | None) -> bool:
        """Whether the piece that a node was made from is kept out."""
        return (
            node is not None and bool(self._items) and not self._items.isdisjoint(map(digest_of, (node, base_of(node))))
        )

    def message_of(self, node: str) -> str | None:
        """The message that a node was, if it is redacted."""
        return self._nodes.get(digest_of(node))

    def _gap(self, message: Mapping[str, Any]) -> int | None:
        at, role = message.get("created_at"), message.get("role")
        for place, stand_in in self._open.items():
            if stand_in.role == role and (self._follows(place) if at is None else stand_in.created_at == at):
                return place
        return None

    def _follows(self, place: int) -> bool:
        """Whether the record that came just now is the one before ``place``."""
        return self._last is not None and self._last in (place - 1, self._before.get(place - 1))
