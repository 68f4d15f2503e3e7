"""A store that was encrypted by 0.1, made once and kept, is read for ever."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from support.encrypted import Encrypted
from support.stores import text

from holdall.contract import Commit, Head
from holdall.sealing.names import SEAL


@pytest.fixture
def encrypted(clock):
    return Encrypted(clock)


@pytest.mark.req("SEC-CRY-08")
async def test_a_store_that_was_encrypted_once_is_read_for_ever(encrypted):
    """Wrapped keys, seals and envelopes as 0.1 writes them: 22 sessions, made once and kept.

    Tried with another order in the summary that a seal is bound to, another id of data keys, another derived key.
    """
    kept = json.loads((Path(__file__).parent / "support" / "encrypted_store.json").read_text())
    for each in kept:
        head = Head.from_json(json.dumps(each["head"]))
        records = {(lane, at): base64.b64decode(data) for lane, at, data in each["records"]}
        await encrypted.below.commit(
            Commit(head.partition, 0, head.version, head.changed, head.lanes, head.marks, head.expires_at, records)
        )
    store = await encrypted.store()
    listed = {session.title: session for session in (await store.list(owner="ana")).items}
    assert len(listed) == 21
    for number in range(20):
        session = listed[f"session {number}" + (", renamed" if number % 4 == 0 else "")]
        assert text(await session.history()) == [f"message {number}"] * (number % 3 + 1)
    assert {run.status for run in await store.tool_runs(listed["session 5"].id)} == {"succeeded"}
    assert (await store.get_or_create(owner="ana", key="mine")).title == "by key"
    seals = [each for each in kept if any(lane == SEAL for lane, *_ in each["records"])]
    keys = [each for each in kept if each["head"]["partition"].startswith("datakey/")]
    assert (len(seals) >= 20, len(keys) >= 20) == (True, True)
