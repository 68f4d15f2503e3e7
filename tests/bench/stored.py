"""What a session takes in files, in PostgreSQL (tables, indexes and all) and in Valkey's memory: for sums of many."""

from __future__ import annotations

import asyncio
import importlib
from pathlib import Path
from typing import Any

import holdall
from tests.bench.backends import settings
from tests.bench.corpus import encoded, messages
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.stores import OWNER, folder_in
from tests.bench.versus_servers import OURS, needed, servers

_SESSIONS = 500
_MESSAGES = 20


def run(_backend: str, plan: Plan) -> list[Row]:
    """Sessions of twenty messages, in each."""
    if why := needed():
        return [skipped("stored", "postgres", "bytes of a session", why, "missing")]
    with folder_in(plan.folder) as folder, servers(folder):
        return asyncio.run(_measured(folder, min(_SESSIONS, max(plan.sessions))))


async def _measured(folder: Path, sessions: int) -> list[Row]:
    plain = sum(len(encoded(n)) for n in range(_MESSAGES))
    rows: list[Row] = []
    for name in OURS:
        asked = settings(name, folder / f"stored-{name}")
        async with holdall.open(asked) as store:
            before = _taken(name, asked["storage"]["options"])
            for n in range(sessions):
                said = list(messages(0, _MESSAGES))
                await store.create(owner=f"{OWNER}-{n % 50}", project="site", title=f"Session {n}", messages=said)
            each = (_taken(name, asked["storage"]["options"]) - before) / sessions
        case = f"a session of {_MESSAGES} messages"
        rows.append(Row("stored", name, case, each, "B", each / plain, "its messages as plain JSON"))
    return rows


def _taken(name: str, options: dict[str, Any]) -> int:
    if name == "valkey":
        client = importlib.import_module("redis").Redis.from_url(options["url"].replace("valkey", "redis", 1))
        return int(client.info("memory")["used_memory"])
    if name == "postgres":
        with importlib.import_module("psycopg").connect(options["dsn"]) as connection:
            told = connection.execute(_SIZE, (options["schema_name"],)).fetchone()
            return int(told[0])
    return sum(path.stat().st_size for path in Path(options["path"]).rglob("*") if path.is_file())


_SIZE = """
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE nspname = %s AND relkind = 'r'
"""
