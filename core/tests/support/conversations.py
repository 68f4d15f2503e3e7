"""What a session should be, in the plainest form: what machines of hypothesis compare it with."""

from __future__ import annotations

from typing import Any

__all__ = ["Conversation", "Model"]


class Model:
    """What the session should be."""

    def __init__(self):
        self.lines: dict[str, list[str]] = {"main": []}
        self.own: dict[str, str] = {}
        """By id: the branch whose lane has the message."""
        self.deleted: set[str] = set()
        self.left: dict[str, str] = {}
        self.titles: dict[str, str] = {}
        self.branch, self.shown = "main", None

    @property
    def live(self):
        return [name for name in self.lines if name not in self.deleted]

    def view(self, branch=None):
        """The ids that are seen of a branch, or where nobody names one."""
        if branch is not None or self.shown is None:
            return self.lines[branch or self.branch]
        return self.lines[self.branch][: self.shown]

    def page(self, ids, limit, before, after):
        """The ids of a page, and its cursors; ``None`` for a cursor that is not among ``ids``."""
        if (before or after) is not None and (before or after) not in ids:
            return None
        if after is not None:
            start = ids.index(after) + 1
            found = ids[start : start + limit]
        else:
            stop = len(ids) if before is None else ids.index(before)
            found = ids[max(stop - limit, 0) : stop]
        if not found:
            return [], None, None
        following = found[-1] if found[-1] != ids[-1] else None
        return found, following, found[0] if found[0] != ids[0] else None

    def first_own(self, name):
        """How many messages a branch has from others."""
        return sum(self.own[each] != name for each in self.lines[name])


class Conversation(Model):
    """What the session should be, beyond its branches."""

    def __init__(self):
        super().__init__()
        self.under: dict[str, tuple[str, str | None]] = {}
        """By sub-conversation: the branch that it is under, and the message."""
        self.along: dict[str, str | None] = {}
        """By deleted sub-conversation: the branch that it went with."""
        self.fields: dict[str, dict[str, Any]] = {}
        """By id: what totals count."""
        self.fields_before: dict[str, list[dict[str, Any]]] = {}
        """By id: of earlier versions, the newest first."""
        self.hidden: dict[str, list[str]] = {}
        """By id: what was said before it was redacted."""
        self.purged: set[str] = set()
        self.threads: list[list[str]] = []
        self.thread_of: dict[str, int] = {}
        self.compactions: list[dict[str, Any]] = []

    def is_there(self, name):
        return name in self.own and self.own[name] not in self.deleted

    def below(self, branch):
        found = [name for name, (above, _) in self.under.items() if above == branch and name not in self.deleted]
        return found + [deeper for name in found for deeper in self.below(name)]

    def context(self, branch):
        """What a model should see: the compaction that holds, and the ids."""
        ids = self.view(branch)
        for one in reversed(self.compactions):
            if one["last"] in ids:
                return one, one["shown"] + ids[ids.index(one["last"]) + 1 :]
        return None, ids

    def changed(self, name):
        """A message is no longer what it was when compactions decided about it."""
        for one in self.compactions:
            one["stale"] |= name in one["covers"]
