"""``holdall serve --try``: three lines to paste, made for what is really in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import holdall
from holdall import Settings
from holdall.errors import SettingsError

__all__ = ["first_lines"]


def first_lines(settings: Settings) -> Callable[[str], str]:
    """From the server's URL to the lines; they name the owner's latest session, which is made if there is none."""
    owner = settings.server.anonymous
    if owner is None:
        raise SettingsError("serve --try needs server.anonymous: its lines carry no token")
    session = asyncio.run(_latest(settings, owner))

    def lines(url: str) -> str:
        message = """'{"role": "user", "content": "hello"}'"""
        return "\n".join(
            (
                "Paste these, in another terminal:",
                f"  curl -s '{url}/api/sessions?limit=5'",
                f"  curl -s -X POST {url}/api/sessions/{session}/messages -H 'Content-Type: application/json' -d {message}",
                f"  curl -s '{url}/api/sessions/{session}/history?limit=3'",
            )
        )

    return lines


async def _latest(settings: Settings, owner: str) -> str:
    async with holdall.open(settings) as store:
        page = await store.list(owner=owner, status="active", limit=1)
        session = page.items[0] if page.items else await store.create(owner=owner, title="First steps")
    return session.id
