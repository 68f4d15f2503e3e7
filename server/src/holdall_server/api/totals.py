"""Totals: what the messages of a session, or of one branch, come to."""

from __future__ import annotations

import msgspec
from pydantic import BaseModel

from holdall_server.api.sessions import SESSION_PATH
from holdall_server.conditions import unless_seen
from holdall_server.exchange import Call, Reply
from holdall_server.operations import Policy, Table, Told
from holdall_server.parameters import Text

__all__ = ["TABLE"]

TABLE = Table()


class TotalsView(BaseModel):
    """What messages come to."""

    messages: int
    roles: dict[str, int]
    """How many there are of each role."""
    input_tokens: int
    """Those from a cache included."""
    output_tokens: int
    cached_tokens: int
    """Of the input tokens, those that were read from a cache."""
    cost_usd: float
    latency_ms: float
    """All latencies together."""
    timed: int
    """How many messages say their latency."""


@TABLE.add(
    "GET",
    f"{SESSION_PATH}/totals",
    policy=Policy.OWNER,
    query=(Text("branch", "Which branch, whole; when absent, every message of the session once.", most=40),),
    cached=True,
    answers={200: Told("The totals.", (TotalsView,), headers=("ETag",))},
)
async def get_totals(call: Call) -> Reply:
    """Read what messages come to: how many of each role, tokens, cost and latency."""
    told = await call.store.totals(call.path["session"], call.query.get("branch"))
    return unless_seen(call, told.state.head.changed, Reply(200, msgspec.json.encode(told.totals.as_dict())))
