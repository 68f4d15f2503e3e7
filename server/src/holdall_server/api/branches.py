"""Branches: make, list, read, change, delete and compare them; revert what the session shows, and take that back."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from holdall import Branch
from holdall_server import models
from holdall_server.api.pages import LIMIT
from holdall_server.api.sessions import SESSION, SESSION_PATH, session_reply
from holdall_server.bodies import fields_of, take
from holdall_server.conditions import etag, expected, idempotency_key, links, unless_seen
from holdall_server.exchange import Call, Reply, json_reply
from holdall_server.operations import Body, Policy, Table, Told
from holdall_server.parameters import Choice, Cursor, Text
from holdall_server.problems import Problem

__all__ = ["TABLE"]

TABLE = Table()
BRANCHES = f"{SESSION_PATH}/branches"
BRANCH_PATH = f"{BRANCHES}/{{branch}}"
BRANCH = Told("The branch.", (models.BranchView,), headers=("ETag",))


def _reply(branch: Branch, status: int = 200, **headers: str) -> Reply:
    return json_reply(branch.as_dict(), status, ETag=etag(branch.state.head.changed), **headers)


@TABLE.add(
    "GET",
    BRANCHES,
    policy=Policy.OWNER,
    query=(
        Choice("deleted", "Those that were deleted, instead of those that are there.", ("true", "false")),
        Choice("subs", "The sub-conversations, instead of the other branches.", ("true", "false")),
        Text("under", "The sub-conversations under this message, or under the branch of this name.", most=64),
        LIMIT,
        Cursor("cursor", "The `next` of the page before."),
    ),
    cached=True,
    answers={200: Told("A page of branches.", (models.BranchPage,), headers=("ETag", "Link"))},
)
async def list_branches(call: Call) -> Reply:
    """List the branches of a session by name, `main` first, or its sub-conversations."""
    asked = {name: call.query[name] for name in ("cursor", "under") if name in call.query}
    flags = {name: call.query.get(name) == "true" for name in ("deleted", "subs")}
    limit = call.query.get("limit", call.service.settings.server.page)
    page = await call.store.branches(call.path["session"], limit=limit, **asked, **flags)
    items = [branch.as_dict() for branch in page.items]
    reply = json_reply({"items": items, "next": page.next, "previous": page.previous})
    link = links(call, next=None if page.next is None else {"cursor": page.next})
    if link is not None:
        reply.headers["Link"] = link
    return unless_seen(call, page.version, reply)


@TABLE.add(
    "POST",
    BRANCHES,
    policy=Policy.OWNER,
    body=Body((models.Fork,), required=False),
    conditional=True,
    idempotent=True,
    answers={201: Told("The new branch.", (models.BranchView,), headers=("ETag", "Location", "Idempotent-Replayed"))},
)
async def fork(call: Call) -> Reply:
    """Make a branch at any message of any branch, without copying any; or start a sub-conversation `under` one."""
    fields = dict(fields_of(call.body, models.Fork))
    names = ("name", "title", "at", "before", "under", "kind", "call")
    asked: dict[str, Any] = {name: take(fields, name, str) for name in names}
    switch, session = bool(take(fields, "switch", bool, default=False)), call.path["session"]
    ours, theirs = ("under", "kind", "call"), ("at", "before")
    under = asked["under"] is not None
    wrong = [name for name in (theirs if under else ours) if asked.pop(name) is not None]
    if wrong or (under and switch):
        name = (*wrong, "switch")[0]
        raise Problem(422, "invalid", f"goes {'not' if under else 'only'} with under", pointer=f"/{name}")
    make = call.store.start_sub if under else partial(call.store.fork, switch=switch)
    branch = await make(session, **asked, key=idempotency_key(call), expect=await expected(call))
    reply = _reply(branch, 201, Location=f"/api/sessions/{session}/branches/{branch.name}")
    if branch.replayed:
        reply.headers["Idempotent-Replayed"] = "true"
    return reply


@TABLE.add("GET", BRANCH_PATH, policy=Policy.OWNER, cached=True, answers={200: BRANCH})
async def get_branch(call: Call) -> Reply:
    """Read what is known of a branch, also of a deleted one."""
    branch = await call.store.branch(call.path["session"], call.path["branch"])
    return unless_seen(call, branch.state.head.changed, Reply(200, msgspec.json.encode(branch.as_dict())))


@TABLE.add(
    "PATCH",
    BRANCH_PATH,
    policy=Policy.OWNER,
    body=Body((models.BranchChanges,)),
    guarded=True,
    answers={200: BRANCH},
)
async def update_branch(call: Call) -> Reply:
    """Change one thing of a branch: its title, that it is the current one, or that it is deleted no more."""
    session, name = call.path["session"], call.path["branch"]
    fields = dict(fields_of(call.body, models.BranchChanges))
    if len(fields) != 1:
        raise Problem(422, "invalid", "must have one of title, current, deleted", pointer="")
    if "title" in fields:
        changes = {"title": take(fields, "title", str)}
        return _reply(await call.store.update_branch(session, name, **changes, expect=await expected(call)))
    ((field, wanted),) = (("current", True),) if "current" in fields else (("deleted", False),)
    if fields[field] is not wanted:
        raise Problem(422, "invalid", f"can only be set to {str(wanted).lower()}", pointer=f"/{field}")
    change = call.store.switch if wanted else call.store.restore_branch
    await change(session, name, expect=await expected(call))
    return _reply(await call.store.branch(session, name))


@TABLE.add(
    "DELETE",
    BRANCH_PATH,
    policy=Policy.OWNER,
    guarded=True,
    answers={204: Told("The branch is deleted; its messages are kept, and it can be brought back.", media=())},
)
async def delete_branch(call: Call) -> Reply:
    """Delete a branch that is not the current one."""
    await call.store.delete_branch(call.path["session"], call.path["branch"], expect=await expected(call))
    return Reply(204, media=None)


@TABLE.add(
    "GET",
    f"{BRANCH_PATH}/compare",
    policy=Policy.OWNER,
    query=(Text("to", "The other branch; the current one when absent.", most=40), LIMIT),
    cached=True,
    answers={200: Told("What both have, and what differs.", (models.ComparisonView,), headers=("ETag",))},
)
async def compare_branches(call: Call) -> Reply:
    """Compare two branches: the last message that both have, and the first ones that only one has."""
    limit = call.query.get("limit", call.service.settings.server.page)
    name, other = call.path["branch"], call.query.get("to")
    found = await call.store.compare(call.path["session"], name, other, limit=limit)
    sides = (
        b'"%b":{"branch":%b,"messages":%d,"items":[%b],"next":%b}'
        % (
            key,
            msgspec.json.encode(side.branch),
            side.messages,
            b",".join(message.raw for message in side.page),
            msgspec.json.encode(side.page.next),
        )
        for key, side in ((b"left", found.left), (b"right", found.right))
    )
    body = b'{"ancestor":%b,%b}' % (msgspec.json.encode(found.ancestor), b",".join(sides))
    return unless_seen(call, found.version, Reply(200, body))


@TABLE.add(
    "POST",
    f"{SESSION_PATH}/revert",
    policy=Policy.OWNER,
    body=Body((models.Revert,)),
    guarded=True,
    answers={200: SESSION},
)
async def revert(call: Call) -> Reply:
    """End what the session shows at a message; nothing is lost, and what is appended then begins a new branch."""
    fields = dict(fields_of(call.body, models.Revert))
    to, branch = take(fields, "to", str), take(fields, "branch", str)
    if to is None:
        raise Problem(422, "invalid", "is missing", pointer="/to")
    return session_reply(
        await call.store.revert(call.path["session"], to, branch=branch, expect=await expected(call)),
    )


@TABLE.add("POST", f"{SESSION_PATH}/unrevert", policy=Policy.OWNER, guarded=True, answers={200: SESSION})
async def unrevert(call: Call) -> Reply:
    """Take the last revert back: show all of the branch that it was a revert of."""
    return session_reply(await call.store.unrevert(call.path["session"], expect=await expected(call)))
