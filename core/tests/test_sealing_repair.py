"""What ``holdall repair`` does about an encrypted store: heads that were put right below get a new seal, and that is told.

Covers SE-10.
"""

from __future__ import annotations

import pytest
from support.sealed import sealed
from support.stores import on, text, user

from holdall.codecs import Codec
from holdall.contract import Commit, Lane, Span
from holdall.errors import CodecError
from holdall.sealing.names import key_partition
from holdall.transfer.repairing import repair
from holdall.transfer.verifying import verify
from holdall_memory import MemorySessionStorage


async def test_a_head_that_was_put_right_below_is_sealed_again_when_that_is_asked_for(clock):
    """As where the storage lost a session's last commits: what is left is read, and what it may lack is said."""
    below = MemorySessionStorage()
    store = on(await sealed(below, clock=clock), clock, shreds=True)
    session = (await store.create(owner="ana", messages=[user("1"), user("2"), user("3")])).id
    other = (await store.create(owner="ana", messages=[user("whole")])).id
    partition = f"session/{session}"
    head = (await below.load(partition)).head
    lane = Lane(0, 2, head.lanes["messages/main"].rewritten)
    await below.commit(
        Commit(partition, head.version, head.version + 1, head.changed, {"messages/main": lane},
               erase=[Span("messages/main", 2, 3)])
    )  # fmt: skip
    report = await verify(await sealed(below, clock=clock), Codec())
    assert report.problems == [f"{partition} cannot be read: its head is not the one that was sealed"]
    said = await repair(await sealed(below, clock=clock), Codec(), apply=False, owner="ana")
    assert said.storage == [f"{partition}: its seal; it may have been more, or newer, than what is there"]
    with pytest.raises(CodecError, match="not the one that was sealed"):
        await on(await sealed(below, clock=clock), clock).history(session)
    done = await repair(await sealed(below, clock=clock), Codec(), apply=True, owner="ana")
    assert (done.storage, done.losses, done.left) == (said.storage, [], [])
    again = on(await sealed(below, clock=clock), clock, shreds=True)
    assert text(await again.history(session)) == ["1", "2"]
    assert text(await again.history(other)) == ["whole"]
    await again.append(session, [user("4")])
    assert (await verify(await sealed(below, clock=clock), Codec())).problems == []
    assert (await repair(await sealed(below, clock=clock), Codec(), apply=True, owner="ana")).storage == []


async def test_a_record_that_fails_its_check_is_replaced_and_a_lost_key_is_left(clock):
    below = MemorySessionStorage()
    store = on(await sealed(below, clock=clock), clock)
    session = (await store.create(owner="ana", messages=[user("1"), user("2")])).id
    keyless = (await store.create(owner="ana", messages=[user("lost")])).id
    partition = f"session/{session}"
    snapshot = await below.load(partition, Span("messages/main"))
    bad = snapshot.records["messages/main", 0][:-1] + b"\0\0"
    head = snapshot.head
    await below.commit(
        Commit(partition, head.version, head.version + 1, head.changed, expires_at=head.expires_at,
               write={("messages/main", 0): bad})
    )  # fmt: skip
    name = key_partition(f"session/{keyless}")
    await below.drop(name, expect=(await below.load(name)).head.version)
    report = await verify(await sealed(below, clock=clock), Codec())
    assert sorted(problem.split(":")[0] for problem in report.problems) == sorted(
        [f"{partition} messages/main[0]", f"session/{keyless} cannot be read"]
    )
    done = await repair(await sealed(below, clock=clock), Codec(), apply=True, owner="ana")
    assert [loss.hurt.position for loss in done.losses] == [0]
    assert [line.split(":")[0] for line in done.left] == [f"session/{keyless}"]
    said = text(await on(await sealed(below, clock=clock), clock).history(session))
    assert (len(said), said[1]) == (2, "2")
