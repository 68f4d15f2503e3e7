"""Where a partition is, and the note in each member of which members there were when it was first used.

A store that is opened with other members would look for sessions where they are not: the note refuses it. So does its
absence in one member, where others hold sessions: those of that member would seem never to have been.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import Any

from holdall.contract import Commit, ISessionStorage, Lane, Scan, Span
from holdall.errors import Conflict, SettingsError

__all__ = ["NOTE", "find_all", "place", "settle"]

NOTE = "\0holdall-shard"
"""The partition with the note. The shard shows it to nobody, and takes none of this name."""
_LANE = "members"


def place(partition: str, members: Iterable[str]) -> str:
    """The member that ``partition`` is in: the one that draws the highest number for it (rendezvous hashing)."""
    told = partition.encode()
    return max(members, key=lambda name: (blake2b(told, key=name.encode(), digest_size=8).digest(), name))


async def find_all(lasting: Mapping[str, ISessionStorage], members: Sequence[str]) -> None:
    """Raise ``SettingsError`` where one of the ``lasting`` members has lost everything while others hold sessions.

    Nobody writes a session before every member has its note: without one a member is new like all of them, or another.
    """
    notes = {name: await _noted(member) for name, member in lasting.items()}
    new = [name for name, found in notes.items() if found is None]
    known = [lasting[name] for name, found in notes.items() if found == _wanted(name, members)]
    if not new or not await _used(known):
        return
    for name in new:  # looked at again: another process may have begun the store meanwhile
        if await _noted(lasting[name]) is None and not await lasting[name].scan(Scan(limit=1)):
            raise SettingsError(
                f"shard: member {name!r} is empty, and others hold sessions: it is not the storage that it was. Is its "
                "disk there, its server the right one? If it is lost, restore a backup into new members"
            )


async def _used(members: Iterable[ISessionStorage]) -> bool:
    """Whether there is more than a note in any of ``members``."""
    for member in members:
        if len(await member.scan(Scan(limit=2))) > 1:
            return True
    return False


async def settle(name: str, member: ISessionStorage, members: Sequence[str]) -> None:
    """See that ``member`` is what it was, or make the note; raises ``SettingsError`` where it is something else."""
    wanted = _wanted(name, members)
    found = await _noted(member)
    if found is None and not await member.scan(Scan(limit=1)):
        write = {(_LANE, 0): json.dumps(wanted).encode()}
        with suppress(Conflict):  # another process is faster, and has made it
            await member.commit(Commit(NOTE, 0, 1, 1, {_LANE: Lane(0, 1, 1)}, write=write))
    if found is None:  # it comes before all else, so whoever found something finds it now, if it was a shard's
        found = await _noted(member)
    if found is None:
        raise SettingsError(f"shard: member {name!r} holds partitions that no shard put there: copy them instead")
    if found != wanted:
        raise SettingsError(
            f"shard: member {name!r} was member {found['member']!r} of {', '.join(found['of'])}; with other members "
            "sessions would not be found: copy the store to one with the new members instead"
        )


def _wanted(name: str, members: Sequence[str]) -> dict[str, Any]:
    return {"member": name, "of": list(members)}


async def _noted(member: ISessionStorage) -> dict[str, Any] | None:
    snapshot = await member.load(NOTE, Span(_LANE))
    return None if snapshot is None else json.loads(snapshot.records[_LANE, 0])
