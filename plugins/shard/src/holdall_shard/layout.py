"""Where a partition is, and the note in each member of which members there were when it was first used.

A store that is opened with other members would look for sessions where they are not: the note refuses it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import Any

from holdall.contract import Commit, ISessionStorage, Lane, Scan, Span
from holdall.errors import Conflict, SettingsError

__all__ = ["NOTE", "place", "settle"]

NOTE = "\0holdall-shard"
"""The partition with the note. The shard shows it to nobody, and takes none of this name."""
_LANE = "members"


def place(partition: str, members: Iterable[str]) -> str:
    """The member that ``partition`` is in: the one that draws the highest number for it (rendezvous hashing)."""
    told = partition.encode()
    return max(members, key=lambda name: (blake2b(told, key=name.encode(), digest_size=8).digest(), name))


async def settle(name: str, member: ISessionStorage, members: Sequence[str]) -> None:
    """See that ``member`` is what it was, or make the note; raises ``SettingsError`` where it is something else."""
    wanted = {"member": name, "of": list(members)}
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


async def _noted(member: ISessionStorage) -> dict[str, Any] | None:
    snapshot = await member.load(NOTE, Span(_LANE))
    return None if snapshot is None else json.loads(snapshot.records[_LANE, 0])
