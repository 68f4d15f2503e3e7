"""Following a session: its changes as server-sent events."""

from __future__ import annotations

from holdall import Invalid
from holdall_server.api.sessions import SESSION_PATH
from holdall_server.exchange import Call, Reply
from holdall_server.operations import Policy, Table, Told
from holdall_server.parameters import Cursor
from holdall_server.problems import Problem
from holdall_server.streams import MEDIA, PATIENCE

__all__ = ["TABLE"]

TABLE = Table()


@TABLE.add(
    "GET",
    f"{SESSION_PATH}/events",
    policy=Policy.OWNER,
    query=(Cursor("after", "The id of the last event that was seen; `0`: all that are kept; absent: from now on."),),
    resumable=True,
    answers={
        200: Told("Events as they happen, until the session ends.", media=(MEDIA,)),
        204: Told("The session has ended, and there is nothing more to come.", media=()),
    },
)
async def follow_session(call: Call) -> Reply:
    """Follow a session: every change once and in order, as server-sent events."""
    streams, owner = call.service.streams, "" if call.principal is None else call.principal.owner
    streams.check_room(owner)
    last = call.headers.get("last-event-id")
    try:
        follower = await call.store.follower(call.path["session"], last or call.query.get("after"))
    except Invalid:
        if last:
            raise Problem(400, "malformed-header", "Last-Event-ID is not an id of an event of a session") from None
        raise
    if follower.ended:
        follower.close()
        return Reply(204, media=None)
    headers = {"X-Accel-Buffering": "no"}  # nginx would keep events back
    return Reply(200, headers=headers, media=MEDIA, stream=streams.open(follower, owner), patience=PATIENCE)
