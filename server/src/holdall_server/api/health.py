"""Is it alive, is it ready, and how is it doing."""

from __future__ import annotations

from holdall import StorageError
from holdall_server import metrics
from holdall_server.exchange import Call, Reply, json_reply
from holdall_server.models import Live, Ready
from holdall_server.operations import Policy, Table, Told
from holdall_server.probing import shown
from holdall_server.problems import Problem

__all__ = ["TABLE"]

TABLE = Table()


@TABLE.add("GET", "/livez", policy=Policy.OPEN, answers={200: Told("The process answers.", (Live,))})
async def livez(_: Call) -> Reply:
    """Tell whether the process answers."""
    return json_reply({"status": "live"})


@TABLE.add("GET", "/readyz", policy=Policy.OPEN, answers={200: Told("The storage works.", (Ready,))})
async def readyz(call: Call) -> Reply:
    """Tell whether a record can be written to the storage and read back, and the storage says that it is well."""
    service = call.service
    if service.stopping or service.probe is None:
        raise Problem(503, "not-ready", "the server is starting or stopping", headers={"Retry-After": "1"})
    try:
        seconds = await service.probe.seconds()
    except StorageError as error:
        raise Problem(503, error.code, "the storage failed the test", headers={"Retry-After": "5"}) from error
    ill = service.store.engine.storage.health()  # asked after the write, which may be what makes it well
    if ill is not None:
        detail = f"the storage is degraded: {shown(ill)}"
        raise Problem(503, "storage-degraded", detail, headers={"Retry-After": "5"})
    workers = {"alive": service.workers.alive, "expected": service.workers.expected}
    storage = service.settings.storage.use
    return json_reply({"status": "ready", "storage": storage, "seconds": seconds, "workers": workers})


@TABLE.add(
    "GET",
    "/metrics",
    policy=Policy.OPERATOR,
    answers={200: Told("Prometheus' text format.", media=("text/plain",))},
)
async def get_metrics(call: Call) -> Reply:
    """Read the measures of all workers."""
    service = call.service
    service.meter.publish(alive=service.workers.alive, expected=service.workers.expected)
    return Reply(200, service.meter.exposition(), media=metrics.MEDIA)
