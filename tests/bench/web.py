"""Posting a message and reading a page over HTTP, in turn with a bare Sanic that moves as many bytes: P7."""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
from pathlib import Path

from tests.bench.cell import ROOT
from tests.bench.corpus import encoded, messages
from tests.bench.load import SEPARATOR
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.servers import Server, bare_sanic, holdall_server
from tests.bench.stores import folder_in

CONNECTIONS, PAGE = 32, 35
"""35 messages are a page of 50 kB."""
_NEEDED = ("sanic", "holdall_server", "holdall.cli")


def run(backend: str, plan: Plan) -> list[Row]:
    """Both servers are up all the time; each slice loads one of them."""
    gone = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if gone:
        return [skipped("http", backend, "POST and GET", f"{', '.join(gone)}: not installed", "missing")]
    with folder_in(plan.folder) as folder, holdall_server(backend, folder) as ours:
        files = _prepared(ours, folder)
        with bare_sanic(folder / "message", folder / "page") as bare:
            found: dict[str, list[dict[str, float]]] = {name: [] for name in files}
            for turn in range(plan.rounds + 1):
                for name, file in files.items():
                    one = _loaded(ours if name.endswith("ours") else bare, file, plan.slice)
                    if turn:  # the first one warms up
                        found[name].append(one)
    return [_row(backend, kind, found) for kind in ("POST", "GET")]


def _prepared(ours: Server, folder: Path) -> dict[str, Path]:
    """The requests, and the answers that bare Sanic gives: as large as those of the server."""
    session = json.loads(ours.ask("POST", "/api/sessions", b'{"title": "read"}'))["id"]
    for message in messages(0, 2 * PAGE):
        ours.ask("POST", f"/api/sessions/{session}/messages", json.dumps(message).encode())
    written = [json.loads(ours.ask("POST", "/api/sessions", b"{}"))["id"] for _ in range(CONNECTIONS)]
    body = next(one for one in map(encoded, range(10_000)) if 900 < len(one) < 1100)
    posting = [f"/api/sessions/{one}/messages" for one in written]  # each connection its own, as clients do
    reading = f"/api/sessions/{session}/history?limit={PAGE}"
    (folder / "message").write_bytes(ours.ask("POST", posting[0], body))
    (folder / "page").write_bytes(ours.ask("GET", reading))
    requests = {
        "POST bare": [_request("POST", "/messages", body)],
        "POST ours": [_request("POST", path, body) for path in posting],
        "GET bare": [_request("GET", "/page")],
        "GET ours": [_request("GET", reading)],
    }
    files = {name: folder / name.replace(" ", ".") for name in requests}
    for name, some in requests.items():
        files[name].write_bytes(SEPARATOR.join(some))
    return files


def _request(method: str, path: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n"
    if body:
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def _loaded(server: Server, file: Path, seconds: float) -> dict[str, float]:
    argv = [sys.executable, "-m", "tests.bench.load", str(server.port), str(file), str(CONNECTIONS), str(seconds)]
    used = server.cpu()
    done = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(done.stdout)
    if result["bad"]:
        raise AssertionError(f"{result['bad']:.0f} of {result['requests']:.0f} answers were errors")
    return {**result, "server_cpu_s": round(server.cpu() - used, 3)}


def _row(backend: str, kind: str, found: dict[str, list[dict[str, float]]]) -> Row:
    ours, bare = found[f"{kind} ours"], found[f"{kind} bare"]
    ratio = statistics.median(one["per_s"] / other["per_s"] for one, other in zip(ours, bare, strict=True))
    rate = statistics.median(one["per_s"] for one in ours)
    more = {
        "p99_us": statistics.median(one["p99_ms"] for one in ours) * 1e3,
        "cpu_us": _cpu(ours),
        "bare_cpu_us": _cpu(bare),
        "generator_busy": statistics.median(one["busy"] for one in [*ours, *bare]),
        "ours": ours,
        "bare": bare,
    }
    case = f"{kind} {'a message' if kind == 'POST' else 'a page of 50 kB'}, {CONNECTIONS} connections"
    goal = "P7p" if kind == "POST" else "P7g"
    note = f"bare Sanic's CPU {more['bare_cpu_us']:,.0f} µs"
    return Row("http", backend, case, rate, "/s", ratio, "bare Sanic", goal, more, note=note)


def _cpu(runs: list[dict[str, float]]) -> float:
    """The server's CPU time per request, in microseconds."""
    return round(sum(one["server_cpu_s"] for one in runs) / sum(one["requests"] for one in runs) * 1e6, 1)
