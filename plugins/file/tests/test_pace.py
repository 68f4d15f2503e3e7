"""What the pace of the disk makes of who writes: it must have been quick, and now and then it may be slow."""

from __future__ import annotations

from told_disk import QUICK, SLOW, Writer, trusted

from holdall_file import clock
from holdall_file.pace import Pace


async def test_a_new_store_takes_the_thread_until_the_disk_has_shown_that_it_is_quick(open_store, disk):
    writer = Writer(await open_store(), "s")
    await writer.append(10)
    assert set(disk.syncs()) == {"thread"}
    await writer.append(30)
    assert disk.syncs()[-1] == "loop"
    await writer.there()


def test_quick_syncs_that_many_shared_are_trusted_sooner():
    for commits, needed in ((1, 16), (16, 4), (64, 1)):
        pace = Pace()
        for _ in range(needed):
            assert not pace.quick
            pace.took(QUICK, commits)
        assert pace.quick


async def test_a_slow_sync_sends_the_next_ones_to_the_thread_for_longer_each_time(open_store, disk):
    writer = await trusted(await open_store(), disk)
    stays = []
    for _ in range(3):
        disk.takes = SLOW
        await writer.append()
        disk.takes = QUICK
        assert disk.syncs() == ["loop"]
        await writer.append(200)
        who = disk.syncs()
        stays.append(who.index("loop"))
        assert set(who[: stays[-1]]) == {"thread"}
        assert set(who[stays[-1] :]) == {"loop"}
    assert 16 < stays[0] < stays[1] < stays[2]
    await writer.there()


def test_now_and_then_a_slow_sync_is_forgiven():
    pace = Pace(trusted=True)
    for number in range(2000):
        pace.took(0.004 if number % 50 == 0 else QUICK)
        assert pace.quick
    for _ in range(5):
        pace.took(0.004)
    assert not pace.quick


def test_a_sync_may_take_longer_the_more_commits_share_it():
    for seconds, commits, quick in ((0.0015, 1, False), (0.0015, 16, True), (0.002, 16, False), (0.0045, 64, True)):
        pace = Pace(trusted=True)
        for _ in range(100):
            pace.took(seconds, commits)
        assert pace.quick == quick, (seconds, commits)


def test_waiting_for_a_processor_is_not_the_disks_fault(monkeypatch):
    waits = clock.Waits()
    assert 0.0 <= waits.total() <= waits.total()
    time, waited = 0.0, 0.0
    monkeypatch.setattr(clock, "perf_counter", lambda: time)
    monkeypatch.setattr(clock.Waits, "total", lambda _: waited)
    stopwatch, told = clock.Stopwatch(), []
    for took, ready in ((0.0002, 0.0001), (0.005, 0.004), (0.006, 0.0055), (0.003, 0.0)):
        stopwatch.start()
        time, waited = time + took, waited + ready
        told.append(round(stopwatch.stop(), 6))
    assert told == [0.0002, 0.005, 0.0005, 0.003]


def test_where_the_system_does_not_tell_of_waits_there_are_none(monkeypatch):
    monkeypatch.setattr(clock, "_SOURCE", "/proc/there/is/no/such/file")
    assert clock.Waits().total() == 0.0
