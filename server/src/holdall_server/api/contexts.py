"""Long conversations: what a model should see of one, compaction to a budget, and summaries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from holdall import Page
from holdall.formats.chat import chat_of
from holdall_server import condensed
from holdall_server.api.pages import AROUND, page_reply
from holdall_server.api.sessions import SESSION_PATH
from holdall_server.bodies import fields_of, take
from holdall_server.conditions import etag, expected, unless_seen
from holdall_server.exchange import Call, Reply, json_reply
from holdall_server.operations import Body, Policy, Table, Told
from holdall_server.parameters import Choice, Number, Text

__all__ = ["TABLE"]

TABLE = Table()
SUMMARIES, COMPACTIONS = f"{SESSION_PATH}/summaries", f"{SESSION_PATH}/compactions"
SUMMARY = Told("The summary.", (condensed.SummaryView,), headers=("ETag",))


@TABLE.add(
    "GET",
    f"{SESSION_PATH}/active-context",
    policy=Policy.OWNER,
    query=(
        Text("branch", "Whose; what the session shows when absent.", most=40),
        Number("budget", "How many tokens there is room for: what does not fit is left out.", least=1),
        Choice("format", "The messages as they are stored, or as OpenAI's.", ("messages", "openai")),
    ),
    cached=True,
    answers={200: Told("What a model should see now.", (condensed.ContextView,), headers=("ETag",))},
)
async def get_active_context(call: Call) -> Reply:
    """Read what a model should see now: what the newest compaction left, and every message after it."""
    asked = {name: call.query.get(name) for name in ("branch", "budget")}
    context = await call.store.active_context(call.path["session"], **asked)
    if call.query.get("format") == "openai":
        messages = msgspec.json.encode(chat_of(context.messages))
    else:
        messages = b"[%b]" % b",".join(message.raw for message in context.messages)
    names = ("branch", "compaction", "stale", "tokens", "budget", "met")
    told = msgspec.json.encode({name: getattr(context, name) for name in names})
    return unless_seen(call, context.version, Reply(200, b'{"messages":%b,%b' % (messages, told[1:])))


@TABLE.add(
    "POST",
    f"{SESSION_PATH}/compact",
    policy=Policy.OWNER,
    body=Body((condensed.Compact,), required=False),
    conditional=True,
    answers={200: Told("What it came to.", (condensed.CompactedView,), headers=("ETag",))},
)
async def compact(call: Call) -> Reply:
    """Make what a model sees fit a budget of tokens; every message stays readable."""
    fields = dict(fields_of(call.body if call.body is not None else {}, condensed.Compact))
    budget, branch = take(fields, "budget", int), take(fields, "branch", str)
    above = take(fields, "above", int)
    whole = bool(take(fields, "whole", bool, default=False))
    store, session = call.store, call.path["session"]
    expect = await expected(call)
    done = await store.compact(session, budget=budget, above=above, branch=branch, whole=whole, expect=expect)
    made = None if done.compaction is None else done.compaction.as_dict()
    told = {name: getattr(done, name) for name in ("new", "met", "messages", "tokens", "budget")}
    return json_reply({"compaction": made, **told}, ETag=etag(done.version))


@TABLE.add(
    "GET",
    COMPACTIONS,
    policy=Policy.OWNER,
    query=AROUND,
    cached=True,
    answers={200: Told("A page of compactions.", (condensed.CompactionPage,), headers=("ETag", "Link"))},
)
async def list_compactions(call: Call) -> Reply:
    """List what was compacted, oldest first: the latest, or those around a cursor."""
    return await page_reply(call, _reading(call, call.store.compactions))


@TABLE.add(
    "GET",
    f"{COMPACTIONS}/{{compaction}}",
    policy=Policy.OWNER,
    cached=True,
    answers={200: Told("The compaction.", (condensed.CompactionView,), headers=("ETag",))},
)
async def get_compaction(call: Call) -> Reply:
    """Read one compaction: which messages a model is shown, and what stands for the others."""
    found = await call.store.compaction(call.path["session"], call.path["compaction"])
    return unless_seen(call, found.version, json_reply(found.as_dict()))


@TABLE.add(
    "GET",
    SUMMARIES,
    policy=Policy.OWNER,
    query=AROUND,
    cached=True,
    answers={200: Told("A page of summaries.", (condensed.SummaryPage,), headers=("ETag", "Link"))},
)
async def list_summaries(call: Call) -> Reply:
    """List the summaries of a session, oldest first: the latest, or those around a cursor."""
    return await page_reply(call, _reading(call, call.store.summaries))


@TABLE.add(
    "POST",
    SUMMARIES,
    policy=Policy.OWNER,
    body=Body((condensed.Summarise,), required=False),
    conditional=True,
    answers={201: Told("The new summary.", (condensed.SummaryView,), headers=("ETag", "Location"))},
)
async def summarise(call: Call) -> Reply:
    """Summarise messages, or store a summary that somebody wrote, perhaps in the place of an earlier one."""
    fields = dict(fields_of(call.body if call.body is not None else {}, condensed.Summarise))
    asked: dict[str, Any] = {name: take(fields, name, str) for name in ("first", "last", "branch", "text", "replaces")}
    session, tokens = call.path["session"], take(fields, "tokens", int)
    made = await call.store.summarise(session, **asked, tokens=tokens, expect=await expected(call))
    location = f"/api/sessions/{session}/summaries/{made.id}"
    return json_reply(made.as_dict(), 201, ETag=etag(made.version), Location=location)


@TABLE.add("GET", f"{SUMMARIES}/{{summary}}", policy=Policy.OWNER, cached=True, answers={200: SUMMARY})
async def get_summary(call: Call) -> Reply:
    """Read one summary: what it says, of which messages, and whether these were changed since."""
    found = await call.store.summary(call.path["session"], call.path["summary"])
    return unless_seen(call, found.version, json_reply(found.as_dict()))


def _reading(call: Call, read: Callable[..., Any]) -> Callable[[dict[str, Any]], Any]:
    async def page(asked: dict[str, Any]) -> tuple[Page[Any], list[bytes]]:
        found: Page[Any] = await read(call.path["session"], **asked)
        return found, [msgspec.json.encode(one.as_dict()) for one in found.items]

    return page
