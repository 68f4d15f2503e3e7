"""The life of a session: extend it, keep it alive, end it."""

from __future__ import annotations

from holdall_server.api.sessions import SESSION, SESSION_PATH, session_reply
from holdall_server.bodies import fields_of, take
from holdall_server.conditions import expected
from holdall_server.exchange import Call, Reply
from holdall_server.models import EndSession, ExtendSession
from holdall_server.operations import Body, Policy, Table
from holdall_server.problems import Problem

__all__ = ["TABLE"]

TABLE = Table()
_REASON = 1000


@TABLE.add(
    "PUT",
    f"{SESSION_PATH}/extend",
    policy=Policy.OWNER,
    body=Body((ExtendSession,), required=False),
    guarded=True,
    answers={200: SESSION},
)
async def extend_session(call: Call) -> Reply:
    """Restart the idle time, with another length if `ttl` is given; the absolute limit is never passed."""
    fields = fields_of(call.body, ExtendSession)
    expect = await expected(call)
    return session_reply(await call.store.extend(call.path["session"], ttl=fields.get("ttl"), expect=expect))


@TABLE.add("POST", f"{SESSION_PATH}/heartbeat", policy=Policy.OWNER, answers={200: SESSION})
async def heartbeat(call: Call) -> Reply:
    """Keep a session alive without writing to it; acknowledged when stored, within about a second."""
    return session_reply(await call.store.heartbeat(call.path["session"]))


@TABLE.add(
    "POST",
    f"{SESSION_PATH}/end",
    policy=Policy.OWNER,
    body=Body((EndSession,), required=False),
    guarded=True,
    answers={200: SESSION},
)
async def end_session(call: Call) -> Reply:
    """End a session, after the writes that wait or with `force` before them; it stays readable."""
    fields = dict(fields_of(call.body, EndSession))
    reason, force = take(fields, "reason", str), take(fields, "force", bool, default=False)
    if reason is not None and len(reason) > _REASON:
        raise Problem(422, "too-large", f"has more than {_REASON} characters", pointer="/reason")
    expect = await expected(call)
    return session_reply(
        await call.store.end(call.path["session"], reason=reason, force=bool(force), expect=expect),
    )
