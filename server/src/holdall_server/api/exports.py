"""Exports: a whole session in one of several formats, streamed."""

from __future__ import annotations

from holdall.formats import EXPORTS, export
from holdall_server.api.sessions import SESSION_PATH
from holdall_server.bodies import fields_of, take
from holdall_server.exchange import Call, Reply
from holdall_server.models import ExportRequest
from holdall_server.operations import Body, Policy, Table, Told
from holdall_server.problems import Problem

__all__ = ["TABLE"]

TABLE = Table()
_MEDIA = tuple(dict.fromkeys(form.media_type.partition(";")[0] for form in EXPORTS.values()))


@TABLE.add(
    "POST",
    f"{SESSION_PATH}/export",
    policy=Policy.OWNER,
    body=Body((ExportRequest,)),
    answers={200: Told("The session, as a download.", media=_MEDIA, headers=("Content-Disposition",))},
)
async def export_session(call: Call) -> Reply:
    """Export a session, streamed in the format asked for."""
    fields = dict(fields_of(call.body, ExportRequest))
    name = take(fields, "format", str, "jsonl")
    form = EXPORTS.get(name or "")
    if name is None or form is None:
        raise Problem(422, "invalid", f"must be one of {', '.join(EXPORTS)}", pointer="/format")
    branch = take(fields, "branch", str)
    session = await call.store.get(call.path["session"])
    disposition = f'attachment; filename="session-{session.id}{form.suffix}"'
    stream = export(call.store, session.id, name, branch)
    return Reply(200, headers={"Content-Disposition": disposition}, media=form.media_type, stream=stream)
