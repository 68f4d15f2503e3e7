"""The process whose calls fail: it says what it may still say over a socket, which no fault touches."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import socket
import sys
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from holdall.errors import HoldallError
from holdall.sessions.session import Session
from holdall.sessions.store import Store
from holdall.testing.crash.sessions.acts import Act, Seen
from holdall.testing.crash.sessions.client import carry_out
from holdall.testing.crash.sessions.seeing import mine, see
from holdall.testing.faults.operations import OWNER, WARM, acts_of
from holdall.testing.opening import Subject
from holdall.testing.stores import ShiftedClock, store_of

__all__ = ["LATER", "digest", "main"]

LATER = "afterwards"
"""The text that is appended once the fault is over."""


def digest(seen: Seen | None) -> str:
    """A session in one word."""
    return "nothing" if seen is None else hashlib.sha256(json.dumps(asdict(seen)).encode()).hexdigest()


class Voice:
    """What the child says and hears."""

    def __init__(self) -> None:
        self._socket = socket.socket(fileno=os.dup(1))

    def say(self, *words: object) -> None:
        """Send a line: ``sendto``, not ``write``."""
        self._socket.sendall((" ".join(map(str, words)) + "\n").encode())

    async def told(self, word: str, work: Awaitable[Any]) -> bool:
        """Do something, and say what came of it: ``acked``, ``refused`` with an error of ours, or ``broken``."""
        try:
            await work
        except HoldallError as error:
            self.say("refused", word, repr(error)[:300].replace("\n", " "))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            self.say("broken", word, repr(error)[:300].replace("\n", " "))
        else:
            self.say("acked", word)
            return True
        return False


async def heard() -> None:
    """Wait for the parent's next line."""
    await asyncio.to_thread(sys.stdin.readline)


async def act(store: Store, voice: Voice, acts: Sequence[Act], known: dict[str, Session], *, together: bool) -> None:
    """Carry out the acts, one after the other or at once."""
    works = [voice.told(str(n), carry_out(store, OWNER, one, known)) for n, one in enumerate(acts)]
    if together:
        await asyncio.gather(*works)
        return
    for work in works:
        await work


async def look(store: Store, voice: Voice, title: str) -> None:
    """Say what a session is now, and append to it."""
    known: dict[str, Session] = {}

    async def looked() -> None:
        known.update(await mine(store, OWNER))
        voice.say("sees", title, digest(await see(known[title]) if title in known else None))

    if await voice.told("look", looked()) and title in known and known[title].status == "active":
        await voice.told(f"later/{title}", known[title].append({"role": "user", "content": LATER}))


async def main(task: Mapping[str, Any]) -> None:
    """Open the store, do what is asked while a call fails, and look at it when that is over."""
    sys.dont_write_bytecode = True
    logging.getLogger("holdall").setLevel(logging.CRITICAL + 1)
    voice = Voice()
    acts = acts_of(task["operation"])
    if task["when"] == "opening":
        voice.say("ready")
        sys.stdin.readline()
    await voice.told("store", life(voice, acts, task))
    voice.say("done")
    sys.stdin.readline()  # whoever traces it must let go of it first, or both wait for each other's end
    os._exit(0)


async def life(voice: Voice, acts: Sequence[Act], task: Mapping[str, Any]) -> None:
    """The store's, from its opening to its closing, unless the process is to end without one."""
    subject, clock = Subject(task["plugin"], task["file"]), ShiftedClock(task["ahead"])
    async with store_of(subject, task["options"], clock=clock) as store:
        if task["when"] == "opening":
            voice.say("acked open")
        known = await mine(store, OWNER)
        if task["when"] == "open":
            if task["looks"]:
                await carry_out(store, OWNER, WARM, known)
            voice.say("ready")
            await heard()
            await act(store, voice, acts, known, together=task["together"])
        if task["when"] == "closing":
            voice.say("ready")
            await heard()
            return
        voice.say("done")
        await heard()
        for title in task["looks"]:
            await look(store, voice, title)
        if not task["closes"]:
            voice.say("done")
            os._exit(0)
