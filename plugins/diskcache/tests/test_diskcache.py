"""What the conformance kit can't see from outside: pickles, eviction, permissions, damage, a full disk."""

import os
import pickle
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from diskcache import Cache

from holdall.contract import Commit, Lane, Scan, Span
from holdall.errors import Conflict, Damaged, SettingsError, StorageFull, StorageUnavailable
from holdall_diskcache import DiskcacheSessionStorage, DiskcacheSettings


def opened(path: Path, **options: str) -> DiskcacheSessionStorage:
    return DiskcacheSessionStorage(DiskcacheSettings(path=path, **options))


def first(partition: str, data: bytes = b"{}") -> Commit:
    return Commit(partition, 0, 1, 1, {"m": Lane(0, 1)}, {"recent": 5}, write={("m", 0): data})


def sql(path: Path, statement: str, *values: object) -> int:
    with closing(sqlite3.connect(path / "cache.db")) as db, db:
        return db.execute(statement, values).rowcount


class Bomb:
    def __reduce__(self):
        return os.mkdir, (str(Bomb.crater),)


@pytest.mark.req("SEC-INP-05")
@pytest.mark.parametrize("cell", ["record", "head"])
def test_a_planted_pickle_is_damage_and_never_runs(tmp_path, cell):
    Bomb.crater = tmp_path / "crater"
    with closing(opened(tmp_path / "s")) as storage:
        storage.commit(first("p"))
        planted = sql(
            tmp_path / "s", f"UPDATE Cache SET mode = 4, value = ? WHERE key LIKE '{cell}%'", pickle.dumps(Bomb())
        )
        assert planted == 1
        with pytest.raises(Damaged, match=f"{cell} "):
            storage.load("p", Span("m"))
        if cell == "head":
            with pytest.raises(Damaged):
                storage.commit(Commit("p", 1, 2, 2))
    assert not Bomb.crater.exists()


@pytest.mark.req("SEC-INP-05")
def test_a_planted_key_is_never_unpickled(tmp_path):
    Bomb.crater = tmp_path / "crater"
    with closing(opened(tmp_path / "s")) as storage:
        storage.commit(first("p"))
        sql(tmp_path / "s", "INSERT INTO Cache (key, raw, mode, value) VALUES (?, 0, 1, 'x')", pickle.dumps(Bomb()))
        assert [each.head.partition for each in storage.scan(Scan())] == ["p"]
        assert None in list(storage)  # even by diskcache's own iteration
    assert not Bomb.crater.exists()


def test_nothing_can_be_pickled(tmp_path):
    with closing(opened(tmp_path / "s")) as storage:
        for key, value in ((("a", "tuple"), b""), ("key", {"a": "dict"}), ("key", "text")):
            with pytest.raises((TypeError, ValueError)):
                storage.set(key, value)


def test_a_cache_that_evicts_is_corrected_and_drops_nothing(tmp_path):
    Cache(
        str(tmp_path / "s"), size_limit=1000, cull_limit=10, disk_min_file_size=10, sqlite_journal_mode="delete"
    ).close()
    (tmp_path / "s").chmod(0o700)
    with closing(opened(tmp_path / "s")) as storage:
        for n in range(200):
            storage.commit(first(f"p{n}", os.urandom(2000)))
        assert len(storage.scan(Scan(limit=1000))) == 200
        assert storage.eviction_policy == "none"
        assert not list((tmp_path / "s").glob("??"))  # no value lies in a file of its own


@pytest.mark.parametrize(("durability", "synchronous"), [("power", 2), ("process", 1)])
def test_the_sync_is_as_asked_even_if_the_file_says_otherwise(tmp_path, durability, synchronous):
    Cache(str(tmp_path / "s"), sqlite_synchronous=0).close()
    (tmp_path / "s").chmod(0o700)
    with closing(opened(tmp_path / "s", durability=durability)) as storage:
        assert storage._sql("PRAGMA synchronous").fetchone() == (synchronous,)
        assert storage._sql("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_batch_is_one_transaction_and_a_conflict_leaves_nothing(tmp_path):
    with closing(opened(tmp_path / "s")) as storage:
        storage.commit(first("taken"))
        said = []
        storage._con.set_trace_callback(said.append)
        outcomes = storage.commit_many([first("a"), first("taken", b"other"), first("b")])
        storage._con.set_trace_callback(None)
        assert [type(each) for each in outcomes] == [type(None), Conflict, type(None)]
        assert sum(each.startswith("COMMIT") for each in said) == 1
        assert storage.load("taken", Span("m")).records == {("m", 0): b"{}"}
        assert [each.head.partition for each in storage.scan(Scan("recent"))] == ["a", "b", "taken"]


def test_an_error_undoes_the_whole_batch(tmp_path):
    with closing(opened(tmp_path / "s")) as storage:
        with pytest.raises(TypeError):
            storage.commit_many([first("a"), first("b", "text")])
        assert storage.scan(Scan()) == []
        storage.commit(first("a"))


@pytest.mark.req("SEC-FS-01")
def test_only_the_owner_can_read_it_whatever_the_umask(tmp_path):
    old = os.umask(0)
    try:
        with closing(opened(tmp_path / "s")) as storage:
            storage.commit(first("p"))
            modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "s").iterdir()}
    finally:
        os.umask(old)
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o700
    assert modes == dict.fromkeys(("cache.db", "cache.db-wal", "cache.db-shm", "reserve"), 0o600)


@pytest.mark.req("SEC-FS-01")
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_can_write_to_is_refused(tmp_path, mode):
    (tmp_path / "s").mkdir()
    (tmp_path / "s").chmod(mode)
    with pytest.raises(SettingsError, match="writable by others"):
        opened(tmp_path / "s")
    assert list((tmp_path / "s").iterdir()) == []


@pytest.mark.req("SEC-FS-01")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path):
    (tmp_path / "s").mkdir(0o700)
    os.chown(tmp_path / "s", 12345, 12345)
    with pytest.raises(SettingsError, match="another user"):
        opened(tmp_path / "s")


def test_a_flipped_byte_is_found_and_the_record_named(tmp_path):
    with closing(opened(tmp_path / "s")) as storage:
        storage.commit(first("p", b"the quick brown fox"))
        storage.commit(first("q"))
    file = tmp_path / "s" / "cache.db"
    file.write_bytes(file.read_bytes().replace(b"quick", b"quack"))
    with closing(opened(tmp_path / "s")) as storage:
        with pytest.raises(Damaged, match="record 1:p"):
            storage.load("p", Span("m"))
        assert storage.load("q", Span("m")).records  # the others are served


def test_a_lost_record_is_damage(tmp_path):
    with closing(opened(tmp_path / "s")) as storage:
        storage.commit(first("p"))
        sql(tmp_path / "s", "DELETE FROM Cache WHERE key LIKE 'record%'")
        with pytest.raises(Damaged, match="missing"):
            storage.load("p", Span("m"))


def test_a_file_that_is_not_ours_is_damage(tmp_path):
    (tmp_path / "s").mkdir(0o700)
    (tmp_path / "s" / "cache.db").write_bytes(b"not a database, " * 100)
    with pytest.raises(Damaged, match=r"cache\.db"):
        opened(tmp_path / "s")


def test_a_scan_reads_only_its_answer(tmp_path):
    with closing(opened(tmp_path / "s")) as storage:
        query = (
            "EXPLAIN QUERY PLAN SELECT key FROM Cache WHERE key >= ? AND key < ? AND raw = 1 ORDER BY key DESC LIMIT 9"
        )
        plan = " ".join(row[3] for row in storage._sql(query, ("a", "b")))
    assert "SEARCH Cache USING COVERING INDEX" in plan
    assert "TEMP B-TREE" not in plan


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("MISSING: only root can mount a small disk")
    (tmp_path / "disk").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m,mode=700", "tmpfs", tmp_path / "disk"], check=True)
    yield tmp_path / "disk"
    subprocess.run(["umount", "-l", tmp_path / "disk"], check=True)


def commit_until_full(storage: DiskcacheSessionStorage) -> int:
    for n in range(1000):
        try:
            storage.commit(first(f"p{n:04}", os.urandom(50_000)))
        except StorageFull:
            return n
    raise AssertionError("the disk is never full")


def test_a_full_disk_is_said_and_harms_nothing(small_disk):
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(3_000_000))
    with closing(opened(small_disk / "s")) as storage:
        kept = commit_until_full(storage)
        assert kept
        assert len(storage.scan(Scan(limit=1000, spans=[Span("m")]))) == kept  # reads still work
        ballast.unlink()
        storage.drop("p0000", expect=1)
        storage.commit(first("after", os.urandom(50_000)))
    with closing(opened(small_disk / "s")) as storage:
        assert len(storage.scan(Scan(limit=1000, spans=[Span("m")]))) == kept


def test_a_lock_that_is_not_given_up_is_said(tmp_path):
    with closing(opened(tmp_path / "s")) as storage, closing(sqlite3.connect(tmp_path / "s" / "cache.db")) as other:
        storage.commit(first("p"))
        other.execute("BEGIN IMMEDIATE")
        storage._sql("PRAGMA busy_timeout = 50")
        with pytest.raises(StorageUnavailable, match="locked"):
            storage.commit(first("q"))
        assert storage.load("p") is not None  # readers wait for nobody
        other.rollback()
        storage.commit(first("q"))


def test_errors_of_the_file_system_are_typed(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match="is a file"):
        opened(tmp_path / "file" / "s")


def test_a_child_does_not_open_what_its_parent_had_open_when_it_forked(tmp_path):
    """It would take its parent's locks for its own: another process would remove the log with what it acknowledges."""
    with closing(opened(tmp_path / "s")) as storage:
        storage.commit(first("p"))
        child = os.fork()
        if child == 0:
            try:
                opened(tmp_path / "s")
            except StorageUnavailable:
                os._exit(3)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
        storage.commit(first("q"))
    child = os.fork()
    if child == 0:
        with closing(opened(tmp_path / "s")) as storage:
            os._exit(len(storage.scan(Scan())))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
