"""A real cluster of three: a session is one slot, and one node's death is its sessions' alone.

Covers ST-01, ST-05.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from redis import RedisCluster
from redis.crc import key_slot

from holdall.contract import Commit, Lane, Scan, Span
from holdall.errors import StorageUnavailable
from holdall.testing import StorageTests
from holdall_valkey import ValkeySessionStorage, ValkeySettings


class TestValkeyCluster(StorageTests):
    """The kit again, where no two sessions, and no two marks, need lie on one node.

    The longest are left to the one server: ``holdall plugin test`` with ``HOLDALL_VALKEY_CLUSTER=1`` runs them, too.
    """

    plugin = "valkey"
    test_any_steps = test_any_partition = test_any_mark = None
    test_four_processes = test_no_process_sees_half = test_killed = None

    @pytest.fixture
    def options(self, cluster: Any, tmp_path: Path) -> Mapping[str, Any]:
        return {**cluster.options, "prefix": f"kit-{tmp_path.parent.name}-{tmp_path.name}"[-64:]}


def put(partition: str, version: int, expect: int = 0) -> Commit:
    lanes = {lane: Lane(0, version) for lane in ("a", "b", "ü/\0")}
    write = {(lane, version - 1): b"%d" % version for lane in lanes}
    return Commit(partition, expect, version, version, lanes, {"m": version, "n": -version}, None, write)


async def test_all_of_a_session_is_in_one_slot(cluster: Any) -> None:
    """Or a commit could not be one step: the keys are looked for on every node."""
    settings = ValkeySettings(**{**cluster.options, "prefix": "slots"})
    storage = await ValkeySessionStorage.open(settings)
    names = ["p", "{p}", "a{b}c", "{}", "x\0y", "é" * 90]
    for name in names:
        await storage.commit(put(name, 1))
        await storage.commit(put(name, 2, 1))
    with RedisCluster(host="127.0.0.1", port=cluster.ports[0]) as client:
        keys = [key for key in client.scan_iter("slots:*", count=1000) if b"}" in key]
    tags = {key.split(b"}")[0] for key in keys}
    assert len(keys) == 4 * len(names)
    assert len(tags) == len(names)
    for tag in tags:
        assert len({key_slot(key) for key in keys if key.startswith(tag)}) == 1
    assert len({key_slot(key) * 3 // 16384 for key in keys}) > 1, "they all lie on one node"
    assert [item.head.partition for item in await storage.scan(Scan("m"))] == sorted(names)
    await storage.close()


async def test_the_death_of_a_node_is_that_of_its_sessions_until_it_is_back(cluster: Any) -> None:
    """The others go on; nothing acknowledged is lost, nothing is sent twice."""
    settings = ValkeySettings(**{**cluster.options, "prefix": "death", "deadline": 1})
    storage = await ValkeySessionStorage.open(settings)
    names = [f"p{n}" for n in range(12)]
    for name in names:
        await storage.commit(Commit(name, 0, 1, 1, {"a": Lane(0, 1)}, {}, None, {("a", 0): b"1"}))
    cluster.kill(2)

    async def reached(name: str) -> bool:
        try:
            await storage.commit(Commit(name, 1, 2, 2, {"a": Lane(0, 2)}, {}, None, {("a", 1): b"2"}))
        except StorageUnavailable:
            return False
        return True

    moved = [await reached(name) for name in names]
    assert True in moved
    assert False in moved
    await asyncio.to_thread(cluster.restart, 2)
    for name, was in zip(names, moved, strict=True):
        found = await storage.load(name, Span("a"))
        assert found is not None
        assert found.head.version == (2 if was else 1)
        assert len(found.records) == found.head.version
    await storage.close()
