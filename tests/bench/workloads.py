"""The workloads by name, and which backends each is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench import (
    append,
    branches,
    compressed,
    concurrent,
    contexts,
    crowd,
    encryption,
    floor,
    hits,
    layers,
    listing,
    long,
    memory,
    nodes,
    overhead,
    page,
    resume,
    size,
    stored,
    syncs,
    trees,
    versus_reads,
    versus_servers,
    versus_writes,
    web,
)
from tests.bench.plan import Plan
from tests.bench.rows import Row
from tests.bench.versus import beside

ANY = ()


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of measurement, run once per backend in a process of its own."""

    run: Callable[[str, Plan], list[Row]]
    backends: tuple[str, ...] = ANY
    """Those that it is for; ``ANY``: all, ``("-",)``: it is about none."""


WORKLOADS = {
    "floor": Workload(floor.run, ("-",)),
    "overhead": Workload(overhead.run, ("memory",)),
    "append": Workload(append.run),
    "layers": Workload(layers.run, ("file",)),
    "concurrent": Workload(concurrent.run),
    "crowd": Workload(crowd.run, ("memory", "file", "diskcache")),
    "page": Workload(page.run),
    "branches": Workload(branches.run),
    "long": Workload(long.run, ("memory", "file")),
    "trees": Workload(trees.run),
    "context": Workload(contexts.run),
    "list": Workload(listing.run),
    "resume": Workload(resume.run),
    "version": Workload(resume.version, ("-",)),
    "http": Workload(web.run, ("memory", "file")),
    "vs-append": Workload(beside(versus_writes.appends), ("file",)),
    "vs-concurrent": Workload(beside(versus_writes.together), ("file",)),
    "vs-process": Workload(beside(versus_writes.process), ("file",)),
    "vs-page": Workload(beside(versus_reads.pages), ("file",)),
    "vs-list": Workload(beside(versus_reads.lists), ("file",)),
    "vs-servers": Workload(versus_servers.run, ("-",)),
    "nodes": Workload(nodes.run, ("-",)),
    "stored": Workload(stored.run, ("-",)),
    "vs-encryption": Workload(beside(encryption.costs), ("memory",)),
    "syncs": Workload(syncs.run),
    "bytes": Workload(size.run),
    "memory": Workload(memory.run, ("memory",)),
    "hits": Workload(hits.run, ("-",)),
    "compressed": Workload(compressed.run, ("file",)),
}


def cells(only: list[str], backends: list[str]) -> list[tuple[str, str]]:
    """Workload and backend of every cell, in order."""
    plan: list[tuple[str, str]] = []
    for name in only:
        wanted = WORKLOADS[name].backends
        plan += [(name, backend) for backend in (backends if wanted == ANY else wanted) if backend in (*backends, "-")]
    return plan
