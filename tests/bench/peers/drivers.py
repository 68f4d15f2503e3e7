"""What is asked of each peer, through its public API, as its documentation shows it. Runs in the peers' environment."""

# pyright: basic

from __future__ import annotations

import json
import os
import sqlite3
import time
import uuid
from pathlib import Path
from typing import Any

POSTGRES = "HOLDALL_POSTGRES_DSN"
"""Names the server's connection string in the environment."""


class OpenAISqlite:
    """openai-agents' SQLiteSession: WAL with SQLite's own default of one sync per commit."""

    def __init__(self, folder: Path) -> None:
        from agents.memory import SQLiteSession  # noqa: PLC0415 - each peer imports its own library only

        self._make = lambda name: SQLiteSession(name, db_path=str(folder / "agents.db"))
        self._sessions: dict[str, Any] = {}

    def _session(self, name: str) -> Any:
        if name not in self._sessions:
            self._sessions[name] = self._make(name)
        return self._sessions[name]

    async def fill(self, name: str, messages: list[Any]) -> None:
        """Many at once."""
        await self._session(name).add_items(messages)

    async def append(self, name: str, message: Any) -> None:
        """One, acknowledged when it would survive a power cut."""
        await self._session(name).add_items([message])

    async def tail(self, name: str, count: int) -> int:
        """The latest, as Python objects."""
        return len(await self._session(name).get_items(limit=count))


class OpenAIEncrypted:
    """openai-agents' EncryptedSession (Fernet) around a list, so that nothing but encryption is measured."""

    def __init__(self, _folder: Path) -> None:
        from agents.extensions.memory import EncryptedSession  # noqa: PLC0415
        from agents.memory.session import SessionABC  # noqa: PLC0415

        class Listed(SessionABC):
            session_settings = None

            def __init__(self, name: str) -> None:
                self.session_id, self.items = name, []

            async def get_items(self, limit: int | None = None) -> list[Any]:
                return self.items[-limit:] if limit else list(self.items)

            async def add_items(self, items: list[Any]) -> None:
                self.items.extend(items)

            async def pop_item(self) -> Any:
                return self.items.pop()

            async def clear_session(self) -> None:
                self.items.clear()

        self._make = lambda name: EncryptedSession(name, Listed(name), "k" * 43, ttl=1 << 30)
        self._sessions: dict[str, Any] = {}

    def _session(self, name: str) -> Any:
        if name not in self._sessions:
            self._sessions[name] = self._make(name)
        return self._sessions[name]

    async def fill(self, name: str, messages: list[Any]) -> None:
        """Many at once."""
        await self._session(name).add_items(messages)

    async def append(self, name: str, message: Any) -> None:
        """One."""
        await self._session(name).add_items([message])

    async def tail(self, name: str, count: int) -> int:
        """The latest, as Python objects."""
        return len(await self._session(name).get_items(limit=count))


class DiskcacheDirect:
    """diskcache by itself, one key per message and a counter: the best that it can do, and it survives ``kill -9``."""

    def __init__(self, folder: Path) -> None:
        from diskcache import Cache  # noqa: PLC0415

        self._cache = Cache(str(folder / "cache"), size_limit=1 << 40, eviction_policy="none")

    async def fill(self, name: str, messages: list[Any]) -> None:
        """Many in one transaction."""
        with self._cache.transact():
            for message in messages:
                await self.append(name, message)

    async def append(self, name: str, message: Any) -> None:
        """One in a transaction."""
        with self._cache.transact():
            self._cache.set(f"{name}#{self._cache.incr(f'{name}#n')}", json.dumps(message))


class LangGraphSqlite:
    """LangGraph's SqliteSaver, one checkpoint per session: the fastest durable peer that can list."""

    def __init__(self, folder: Path) -> None:
        from langgraph.checkpoint.base import uuid6  # noqa: PLC0415
        from langgraph.checkpoint.sqlite import SqliteSaver  # noqa: PLC0415

        self._uuid6 = uuid6
        self._saver = SqliteSaver(sqlite3.connect(str(folder / "checkpoints.db"), check_same_thread=False))
        self._saver.setup()

    async def create(self, name: str, owner: str) -> None:
        """A thread with one checkpoint."""
        checkpoint: Any = {
            "v": 4,
            "id": str(self._uuid6()),
            "ts": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
            "channel_values": {"messages": []},
            "channel_versions": {"messages": 1},
            "versions_seen": {},
            "updated_channels": ["messages"],
        }
        config: Any = {"configurable": {"thread_id": name, "checkpoint_ns": "", "checkpoint_id": None}}
        metadata: Any = {"source": "loop", "step": 1, "parents": {}, "owner": owner}
        self._saver.put(config, checkpoint, metadata, {"messages": 1})

    async def list(self, owner: str, count: int) -> int:
        """The newest checkpoints of one owner, which are as many threads here."""
        return len([found.config for found in self._saver.list(None, filter={"owner": owner}, limit=count)])


class OpenAIPostgres:
    """openai-agents' SQLAlchemySession on PostgreSQL through asyncpg, all sessions over one engine and its pool."""

    def __init__(self, _folder: Path) -> None:
        from agents.extensions.memory import SQLAlchemySession  # noqa: PLC0415
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

        url = os.environ[POSTGRES].replace("postgresql://", "postgresql+asyncpg://", 1)
        engine = create_async_engine(url)
        self._make = lambda name: SQLAlchemySession(name, engine=engine, create_tables=True)
        self._sessions: dict[str, Any] = {}

    def _session(self, name: str) -> Any:
        if name not in self._sessions:
            self._sessions[name] = self._make(name)
        return self._sessions[name]

    async def fill(self, name: str, messages: list[Any]) -> None:
        """Many at once."""
        await self._session(name).add_items(messages)

    async def append(self, name: str, message: Any) -> None:
        """One, acknowledged when the server has synced it."""
        await self._session(name).add_items([message])

    async def tail(self, name: str, count: int) -> int:
        """The latest, as Python objects."""
        return len(await self._session(name).get_items(limit=count))


class LangGraphPostgres(LangGraphSqlite):
    """LangGraph's PostgresSaver on one connection, one checkpoint per session."""

    def __init__(self, _folder: Path) -> None:
        import psycopg  # noqa: PLC0415
        from langgraph.checkpoint.base import uuid6  # noqa: PLC0415
        from langgraph.checkpoint.postgres import PostgresSaver  # noqa: PLC0415
        from psycopg.rows import dict_row  # noqa: PLC0415

        self._uuid6 = uuid6
        connection: Any = psycopg.connect(
            os.environ[POSTGRES], autocommit=True, prepare_threshold=0, row_factory=dict_row
        )
        self._saver: Any = PostgresSaver(connection)
        self._saver.setup()


class ClaudeMemory:
    """The Claude Agent SDK's InMemorySessionStore: the fastest peer in memory that can list."""

    def __init__(self, folder: Path) -> None:
        from claude_agent_sdk import InMemorySessionStore  # noqa: PLC0415

        self._store = InMemorySessionStore()

    async def create(self, name: str, owner: str) -> None:
        """A session with one entry."""
        entry: Any = {
            "type": "user",
            "uuid": str(uuid.uuid4()),
            "timestamp": "2025-01-01T00:00:00.000Z",
            "message": {"role": "user", "content": "hi"},
        }
        await self._store.append({"project_key": owner, "session_id": name}, [entry])

    async def list(self, owner: str, count: int) -> int:
        """All of an owner's, put in order and cut, as its users must."""
        return len(sorted(await self._store.list_sessions(owner), key=lambda one: -one["mtime"])[:count])


PEERS: dict[str, type[Any]] = {
    "openai-sqlite": OpenAISqlite,
    "openai-encrypted": OpenAIEncrypted,
    "diskcache": DiskcacheDirect,
    "langgraph-sqlite": LangGraphSqlite,
    "claude-memory": ClaudeMemory,
    "openai-postgres": OpenAIPostgres,
    "langgraph-postgres": LangGraphPostgres,
}
