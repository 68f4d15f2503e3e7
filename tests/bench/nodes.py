"""Two machines' worth of it on one: one server on one PostgreSQL, beside two servers on a shard over two.

On one machine two of everything share its processors, so requests a second say what the machine gives; what travels is the
processor time of a request, in servers and databases, and what is stored.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.cell import ROOT
from tests.bench.corpus import encoded
from tests.bench.load import SEPARATOR
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.servers import Server, free_port
from tests.bench.stores import folder_in
from tests.bench.versus_servers import needed
from tests.servers import postgres

CONNECTIONS = 16
"""To each server."""
_PATIENCE = 60
PAGE = 50


def run(_backend: str, plan: Plan) -> list[Row]:
    """Everything is up all the time; each slice loads the one or the two."""
    if why := needed():
        return [skipped("nodes", "postgres", "one and two servers", why, "missing")]
    with folder_in(plan.folder) as folder, contextlib.ExitStack() as stack:
        folder.chmod(0o755)
        dsns = [stack.enter_context(postgres(folder / f"pg{n}")) for n in range(3)]
        bases = [Server(0, int((folder / f"pg{n}" / "postmaster.pid").read_text().split()[0])) for n in range(3)]
        one = [stack.enter_context(_node(folder / "alone", _alone(dsns[0])))]
        two = [stack.enter_context(_node(folder / f"node{n}", _sharded(dsns[1:]))) for n in range(2)]
        sets = {"one": (one, bases[:1]), "two": (two, bases[1:])}
        files = {
            (kind, name): _requests(folder, kind, name, nodes) for kind in KINDS for name, (nodes, _) in sets.items()
        }
        found: dict[tuple[str, str], list[dict[str, float]]] = {key: [] for key in files}
        for turn in range(plan.rounds + 1):
            for (kind, name), paths in files.items():
                measured = _loaded(*sets[name], paths, plan.slice)
                if turn:  # the first one warms up
                    found[kind, name].append(measured)
        spread = [_partitions(dsn) for dsn in dsns[1:]]
    return [*(_row(kind, found) for kind in KINDS), _evenness(spread)]


KINDS = {"POST": "POST a message", "GET": f"GET the last {PAGE}", "LIST": "GET 50 of an owner's sessions"}


def _alone(dsn: str) -> str:
    return f'use = "postgres"\noptions = {{ dsn = {json.dumps(dsn)} }}\n'


def _sharded(dsns: list[str]) -> str:
    members = [
        f'[storage.options.members.m{n}]\nuse = "postgres"\noptions = {{ dsn = {json.dumps(dsn)} }}\n'
        for n, dsn in enumerate(dsns)
    ]
    return 'use = "shard"\n' + "".join(members)


@contextlib.contextmanager
def _node(folder: Path, storage: str) -> Iterator[Server]:
    folder.mkdir()
    port = free_port()
    config = folder / "holdall.toml"
    config.write_text(f'[server]\nport = {port}\nanonymous = "owner-0"\n[storage]\n{storage}')
    process = subprocess.Popen(
        [sys.executable, "-m", "holdall_server", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    server, until = Server(port, process.pid), time.monotonic() + _PATIENCE
    try:
        while process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(OSError, AssertionError):
                server.ask("GET", "/readyz")
                break
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _requests(folder: Path, kind: str, name: str, nodes: list[Server]) -> list[Path]:
    """A file of requests for each node: sessions of its own, as a balancer that knows nothing would spread them."""
    body = next(one for one in map(encoded, range(10_000)) if 900 < len(one) < 1100)
    paths: list[Path] = []
    for n, node in enumerate(nodes):
        made = [json.loads(node.ask("POST", "/api/sessions", b"{}"))["id"] for _ in range(4 * CONNECTIONS)]
        if kind == "GET":
            for session in made[:CONNECTIONS]:
                for _ in range(PAGE):
                    node.ask("POST", f"/api/sessions/{session}/messages", body)
        sent = {
            "POST": [_request("POST", f"/api/sessions/{one}/messages", body) for one in made],
            "GET": [_request("GET", f"/api/sessions/{one}/history?limit={PAGE}") for one in made[:CONNECTIONS]],
            "LIST": [_request("GET", "/api/sessions?limit=50")],
        }
        paths.append(folder / f"{name}-{kind}-{n}")
        paths[-1].write_bytes(SEPARATOR.join(sent[kind]))
    return paths


def _request(method: str, path: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n"
    if body:
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def _loaded(nodes: list[Server], bases: list[Server], files: list[Path], seconds: float) -> dict[str, float]:
    servers, databases = sum(one.cpu() for one in nodes), sum(one.cpu() for one in bases)
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.bench.load", str(node.port), str(file), str(CONNECTIONS), str(seconds)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for node, file in zip(nodes, files, strict=True)
    ]
    results: list[dict[str, float]] = [json.loads(one.communicate()[0]) for one in running]
    if bad := sum(one["bad"] for one in results):
        raise AssertionError(f"{bad:.0f} answers were errors")
    return {
        "requests": sum(one["requests"] for one in results),
        "per_s": sum(one["per_s"] for one in results),
        "server_cpu_s": round(sum(one.cpu() for one in nodes) - servers, 3),
        "database_cpu_s": round(sum(one.cpu() for one in bases) - databases, 3),
    }


def _row(kind: str, found: dict[tuple[str, str], list[dict[str, float]]]) -> Row:
    one, two = found[kind, "one"], found[kind, "two"]
    ratio = statistics.median(b["per_s"] / a["per_s"] for a, b in zip(one, two, strict=True))
    more: dict[str, Any] = {"one": one, "two": two}
    notes: list[str] = []
    for part in ("server", "database"):
        costs = [
            sum(run[f"{part}_cpu_s"] for run in runs) / sum(run["requests"] for run in runs) * 1e6
            for runs in (one, two)
        ]
        more[f"{part}_cpu_us"] = [round(cost, 1) for cost in costs]
        notes.append(f"{part} CPU {costs[0]:,.0f} and {costs[1]:,.0f} µs a request")
    rate = statistics.median(run["per_s"] for run in two)
    case = f"{KINDS[kind]}, two servers on a shard over two"
    return Row("nodes", "postgres", case, rate, "/s", ratio, "one server on one", more=more, note="; ".join(notes))


def _partitions(dsn: str) -> int:
    import psycopg  # noqa: PLC0415 - where it is installed

    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT count(*) FROM holdall.heads").fetchone()
    return 0 if found is None else int(found[0])


def _evenness(spread: list[int]) -> Row:
    ratio = max(spread) / (sum(spread) / len(spread))
    case = "partitions in the fuller member"
    return Row("nodes", "postgres", case, max(spread), "", ratio, "an even share", more={"partitions": spread})
