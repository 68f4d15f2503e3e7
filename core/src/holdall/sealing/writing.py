"""From a commit to the one that is stored: its records encrypted, and a new seal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from holdall.contract import Commit, Head, Lane
from holdall.errors import Invalid, TooLarge
from holdall.sealing.keys import DataKey
from holdall.sealing.names import REWRITTEN, SEAL
from holdall.sealing.seal import MOST, Seal, sealed
from holdall.sessions.names import SHREDDING

__all__ = ["Known", "encrypted", "shredded", "without_mark"]


class Known(msgspec.Struct, frozen=True):
    """A partition as it was stored or read last: its head below, and its seal."""

    head: Head
    key: DataKey | None
    """``None``: it is plaintext."""
    seal: Seal
    older: tuple[tuple[str, int, int, int], ...] = ()
    """The floors in its lane ``seal/rewritten``, as far as they were read: those of ``seal.spilled`` records."""


def encrypted(commit: Commit, known: Known | None, key: DataKey, seal: Seal) -> tuple[Commit, Known]:
    """What is stored for ``commit`` on top of ``known``, and what is known then.

    ``seal`` is the one from before, perhaps changed. Raises ``TooLarge`` when the key has encrypted all that it may.
    """
    version, head = commit.version, None if known is None else known.head
    if SEAL in commit.lanes or REWRITTEN in commit.lanes:
        raise Invalid(f"the lanes {SEAL!r} and {REWRITTEN!r} are encryption's own")
    encrypt = key.encrypt
    write = {at: encrypt(at, version, data) for at, data in commit.write.items()}
    lanes: dict[str, Lane | None] = {**commit.lanes, SEAL: Lane(0, 1, version)}
    floors, spilled = seal.floors, seal.spilled
    older = () if known is None else known.older
    if head is not None and not _only_appends(commit, head.lanes):
        floors = seal.after(commit, head)
    if len(floors) > MOST:
        at = (REWRITTEN, spilled)
        write[at] = encrypt(at, version, msgspec.json.encode(floors))
        begun = None if head is None else head.lanes.get(REWRITTEN)
        spilled += 1
        lanes[REWRITTEN] = Lane(0, spilled, version if begun is None else begun.rewritten)
        older, floors = (*older, *floors), ()
    writes = seal.writes + len(write) + 1
    if writes > key.writes:
        raise TooLarge("the number of records encrypted with one data key", limit=key.writes, actual=writes)
    after = Seal(writes, spilled, floors, seal.plain, seal.going, seal.doomed)
    stored = Commit(
        commit.partition,
        commit.expect,
        version,
        commit.changed,
        lanes,
        commit.marks,
        commit.expires_at,
        write,
        commit.erase,
    )
    left = stored.onto(head)
    write[SEAL, 0] = sealed(key, after, left)
    return stored, Known(left, key, after, older)


def _only_appends(commit: Commit, lanes: Mapping[str, Lane]) -> bool:
    """Whether nothing is overwritten or removed, as in nearly every commit."""
    for name, position in commit.write:
        old = lanes.get(name)
        if old is not None and position < old.stop:
            return False
    for name, lane in commit.lanes.items():
        old = lanes.get(name)
        if lane is None or (old is not None and lane.first > old.first):
            return False
    return True


def shredded(commit: Commit, known: Known, common: DataKey) -> tuple[Commit, Known]:
    """The same for a commit that leaves of its partition only what it writes; that is encrypted with ``common``.

    Everything else goes later, when the partition's own key is destroyed: until then it is still there.
    """
    staying = {name for name, _ in commit.write}
    going = tuple(sorted(name for name in known.head.lanes if name not in staying and name != SEAL))
    doomed = "" if known.key is None else known.key.id
    kept = replace(commit, lanes={name: lane for name, lane in commit.lanes.items() if lane is not None}, erase=())
    floors = tuple(floor for floor in known.seal.floors if floor[0] in staying)
    return encrypted(kept, known, common, Seal(0, 0, floors, going=going, doomed=doomed))


def without_mark(commit: Commit) -> Commit:
    """``commit``, where there is no key of its own to destroy."""
    return replace(commit, marks={name: score for name, score in commit.marks.items() if name != SHREDDING})
