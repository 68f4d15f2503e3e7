"""Exports: a whole session in one of several formats, streamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from holdall.formats import Formats, export
from holdall.spelling import nearest, one_of
from holdall_server.api.sessions import SESSION_PATH
from holdall_server.bodies import fields_of, take
from holdall_server.exchange import Call, Reply
from holdall_server.models import ExportRequest
from holdall_server.operations import Body, Operation, Policy, Table, Told
from holdall_server.problems import Problem

__all__ = ["TABLE", "with_formats"]

TABLE = Table()


def with_formats(operations: Sequence[Operation], formats: Formats) -> Sequence[Operation]:
    """``operations``, where the export says which media types it answers with."""
    media = dict.fromkeys(form.media_type.partition(";")[0] for form in formats.offers if form.writer is not None)
    return [
        replace(operation, answers={200: replace(operation.answers[200], media=tuple(media))})
        if operation.handler is export_session
        else operation
        for operation in operations
    ]


@TABLE.add(
    "POST",
    f"{SESSION_PATH}/export",
    policy=Policy.OWNER,
    body=Body((ExportRequest,)),
    answers={200: Told("The session, as a download.", headers=("Content-Disposition",))},
)
async def export_session(call: Call) -> Reply:
    """Export a session, streamed in the format asked for."""
    fields = dict(fields_of(call.body, ExportRequest))
    name = take(fields, "format", str, "jsonl")
    formats = call.service.formats
    if name is None or name not in formats.writable:
        hint = nearest(name or "", formats.writable) or "; more come with the plugins that the configuration names"
        raise Problem(422, "invalid", one_of(formats.writable) + hint, pointer="/format")
    form = formats.offer(name, writes=True)
    branch, branches = take(fields, "branch", str), take(fields, "branches", str)
    if branches not in (None, "all"):
        raise Problem(422, "invalid", "can only be all", pointer="/branches")
    if branches is not None:
        formats.check_every(name, branch)
    session = await call.store.get(call.path["session"])
    disposition = f'attachment; filename="session-{session.id}{form.suffix}"'
    stream = export(call.store, session.id, name, branch, every=branches is not None, formats=formats)
    return Reply(200, headers={"Content-Disposition": disposition}, media=form.media_type, stream=stream)
