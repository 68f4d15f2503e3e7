"""Alive, ready, measured."""

from __future__ import annotations

import asyncio
import re

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from holdall.errors import Damaged, StorageBusy, StorageError, StorageFull, StorageUnavailable
from holdall_server.tallies import Count, Spread

HELLO = {"role": "user", "content": "hello"}


def value(text: str, name: str, **labels: str) -> float:
    """The value of a sample in Prometheus' text format; 0 where there is none."""
    for line in text.splitlines():
        match = re.fullmatch(r"(\w+)(?:\{(.*)\})? ([^ ]+)", line)
        if match and match[1] == name and dict(re.findall(r'(\w+)="([^"]*)"', match[2] or "")) == labels:
            return float(match[3])
    return 0


class Broken:
    """A storage that fails in one way."""

    def __init__(self, storage, error):
        self.__dict__.update(_storage=storage, error=error, broken=True)

    def __getattr__(self, name):
        if name in ("load", "commit", "scan", "drop") and self.broken:
            raise self.error
        return getattr(self._storage, name)


@pytest.fixture
def broken(quick):
    def install(error) -> Broken:
        engine = quick.service.store.engine
        engine.storage = Broken(engine.storage, error)
        return engine.storage

    return install


async def test_alive(site):
    assert (await site.client().get("/livez")).json() == {"status": "live"}


@pytest.mark.covers("OP-06")
async def test_ready_means_written_and_read_back(site):
    before = (await site.client("root").get("/metrics")).text
    ready = await site.client().get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["workers"] == {"alive": 1, "expected": 1}
    after = (await site.client("root").get("/metrics")).text
    backend = site.settings.storage.use
    for verb in ("commit", "load"):
        labels = {"backend": backend, "verb": verb, "outcome": "ok"}
        name = "holdall_storage_seconds_count"
        assert value(after, name, **labels) == value(before, name, **labels) + 1
    assert (await site.client("root").get("/api/sessions")).json()["items"] == []


@pytest.mark.covers("OP-06")
async def test_a_storage_that_fails_is_not_ready(quick, broken):
    storage = broken(StorageUnavailable("secret path /var/lib"))
    answer = await quick.client().get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage-unavailable")
    assert "secret" not in answer.text
    assert (await quick.client().get("/livez")).status_code == 200
    storage.__dict__["broken"] = False
    assert (await quick.client().get("/readyz")).status_code == 200


@pytest.mark.covers("OP-06")
async def test_a_storage_that_is_not_well_is_told_of_but_reads_are_served(quick):
    ana = quick.client("ana")
    url = (await ana.post("/api/sessions")).headers["location"]
    inner = quick.service.store.engine.storage._storage
    said = "sync failed: Input/output error (s/3f/3f2a.jsonl) in '/var/lib/x' of db://ana:pw@host key=hunter2"
    inner.health = lambda: said
    answer = await quick.client().get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage-degraded")
    assert answer.json()["detail"] == "the storage is degraded: sync failed: Input/output error in of"
    assert (await quick.client().get("/livez")).status_code == 200
    assert (await ana.get(url)).status_code == 200
    inner.health = lambda: None
    assert (await quick.client().get("/readyz")).status_code == 200


@pytest.mark.req("SEC-HTTP-02")
@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (StorageUnavailable("secret"), 503, True),
        (StorageBusy("secret"), 503, True),
        (StorageFull("secret"), 507, False),
        (StorageError("secret"), 503, True),
        (Damaged("secret", "secret"), 500, False),
        (RuntimeError("secret"), 500, False),
        (KeyError("secret"), 500, False),
    ],
)
async def test_failures_are_told_without_what_is_inside(  # noqa: PLR0917 - fixtures and parameters
    quick, broken, error, status, retry, caplog
):
    ana = quick.client("ana")
    url = (await ana.post("/api/sessions")).headers["location"]
    broken(error)
    answers = [await ana.post(f"{url}/messages", json=HELLO)]
    if status != 507:  # reading needs no room
        answers.append(await ana.get(url))
    for answer in answers:
        assert answer.status_code == status
        assert ("retry-after" in answer.headers) == retry
        assert "secret" not in answer.text
        assert "Error" not in answer.text
        assert answer.headers["x-request-id"] in caplog.text


@pytest.mark.covers("OP-01", "OP-02", "OP-05")
async def test_measures(site):
    ana = site.client("ana")
    url = (await ana.post("/api/sessions")).headers["location"]
    for _ in range(3):
        await ana.post(f"{url}/messages", json=HELLO)
    await ana.get("/api/sessions/0123456789abcdef0123")
    text = (await site.client("root").get("/metrics")).text
    count = "holdall_request_seconds_count"
    assert value(text, count, operation="append_messages", outcome="ok") == 3
    assert value(text, count, operation="get_session", outcome="refused") == 1
    backend = site.settings.storage.use
    assert value(text, "holdall_storage_bytes_total", backend=backend, direction="written") > 3 * 40
    hits, misses = (
        value(text, "holdall_cache_lookups_total", cache="sessions", outcome=outcome) for outcome in ("hit", "miss")
    )
    assert hits >= 3
    assert value(text, "holdall_cache_hit_ratio", cache="sessions") == hits / (hits + misses)
    assert value(text, "holdall_cache_entries", cache="sessions") >= 1
    assert 0 < value(text, "holdall_cache_bytes", cache="sessions") < 64 << 20
    assert value(text, "holdall_cache_max_bytes", cache="sessions") == 64 << 20
    assert value(text, "holdall_cache_max_bytes", cache="pages") == 32 << 20
    assert value(text, "holdall_workers", state="alive") == 1


@pytest.mark.covers("OP-07")
async def test_sweeps_are_measured(start):
    site = await start(sessions={"sweep_every": 0.05})
    made = await site.client("ana").post("/api/sessions", json={"ttl": 1})
    assert made.status_code == 201
    for _ in range(200):
        text = (await site.client("root").get("/metrics")).text
        if value(text, "holdall_swept_total", kind="session") == 1:
            break
        assert value(text, "holdall_sweep_seconds_count", outcome="failed") == 0
        await asyncio.sleep(0.05)
    else:
        pytest.fail("the expired session was not swept")
    assert value(text, "holdall_last_sweep_timestamp_seconds") > 1_700_000_000


def test_what_is_gathered_is_handed_over_once_in_the_bucket_that_it_belongs_to():
    bounds = (0.001, 0.01, 0.1)
    told, asked = (Histogram("h", "h", registry=CollectorRegistry(), buckets=bounds) for _ in range(2))
    spread, counter = Spread(lambda: told, bounds), Counter("c", "c", registry=CollectorRegistry())
    count = Count(counter)
    for seconds in (0, 0.0005, 0.001, 0.0011, 0.01, 0.05, 0.1, 0.2, 99):
        spread.add(seconds)
        asked.observe(seconds)
        count.add(2)
    for _ in range(2):
        spread.hand_over()
        count.hand_over()
    shown = [[(each.name, each.labels, each.value) for each in one.collect()[0].samples[:-1]] for one in (told, asked)]
    assert shown[0] == shown[1]
    assert counter.collect()[0].samples[0].value == 18
