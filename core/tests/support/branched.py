"""Sessions with branches, and all that a branch says."""

from __future__ import annotations

from holdall.sessions.names import message_id
from support.stores import user


async def spoken(store, count=10, **fields):
    """A session of ``count`` messages, and their ids."""
    session = await store.create(owner="ana", messages=[user(f"m{n}") for n in range(count)], **fields)
    return session, [message_id(n) for n in range(count)]


async def whole(store, session, branch=None, *, limit=3):
    """All that a branch says, walked from its end and checked by a walk from its beginning."""
    page = await store.history(session, branch=branch, limit=limit)
    back = [*page.items]
    while page.previous is not None:
        page = await store.history(session, branch=branch, limit=limit, before=page.previous)
        back = [*page.items, *back]
    forth, after = back[:1], None if not back else back[0].id
    while after is not None:
        page = await store.history(session, branch=branch, limit=limit, after=after)
        forth += page.items
        after = page.next
    assert [message.raw for message in forth] == [message.raw for message in back]
    return [message["content"] for message in back]
