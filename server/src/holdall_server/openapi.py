"""The OpenAPI 3.1 document, made of what the operations declare and of the models that validate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from holdall_server import __version__
from holdall_server.conditions import KEY, TAGS
from holdall_server.exchange import JSON
from holdall_server.models import ProblemDetails
from holdall_server.operations import Operation, Policy, Told
from holdall_server.problems import MEDIA, TITLES

__all__ = ["document"]

_REF = "#/components/schemas/{model}"
_REQUEST: JsonSchemaMode = "validation"
_ANSWER: JsonSchemaMode = "serialization"
_HEADERS: Mapping[str, str] = {
    "ETag": "The session's version, quoted; send it back as If-Match or If-None-Match.",
    "Location": "Where it is.",
    "Link": "The pages beside this one, with rel=next and rel=prev.",
    "Idempotent-Replayed": "`true` when the Idempotency-Key had come before, so that nothing was stored now.",
    "Content-Range": "Which bytes of how many.",
    "Content-Disposition": "The name to save the download under.",
    "Allow": "The methods that there are.",
    "Retry-After": "Seconds to wait before trying again.",
    "WWW-Authenticate": "How to authenticate (RFC 6750).",
}
_PROBLEM_HEADERS = {401: ("WWW-Authenticate",), 405: ("Allow",), 429: ("Retry-After",), 503: ("Retry-After",)}
_SAMPLES = {
    "session": "^[A-Za-z0-9_-]{16,64}$",
    "message": "^[A-Za-z0-9_-]{1,64}$",
    "run": "^[A-Za-z0-9_-]{1,64}$",
    "part": "^[0-9a-f]{64}$",
    "summary": "^[A-Za-z0-9_-]{1,64}$",
    "compaction": "^[A-Za-z0-9_-]{1,64}$",
    "branch": "^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$",
}
_PATTERNS = {"Idempotency-Key": KEY, "Last-Event-ID": "([0-9]{1,15}(-[0-9]{1,15}){0,2})?"}
Wanted = tuple[type[BaseModel], JsonSchemaMode]
Schemas = Mapping[Wanted, Mapping[str, Any]]


def document(operations: Sequence[Operation], *, anonymous: bool) -> dict[str, Any]:
    """The description of ``operations``; ``anonymous`` when a request needs no token."""
    schemas, components = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, schemas, anonymous)
    for path, item in paths.items():
        names = next(operation.names for operation in operations if operation.path == path)
        if names:
            item["parameters"] = [_path_parameter(name) for name in names]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Holdall",
            "version": __version__,
            "summary": "Sessions of AI assistants and agents: conversations, tool runs and their records.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _described(operation: Operation, schemas: Schemas, anonymous: bool) -> dict[str, Any]:
    described: dict[str, Any] = {"operationId": operation.name, "summary": operation.summary}
    parameters = [
        {"name": name, "in": "query", "description": parameter.about, "schema": parameter.schema}
        for name, parameter in operation.query.items()
    ] + [_header_parameter(name, about) for name, about in _heeded(operation)]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        schema = _any_of(schemas[model, _REQUEST] for model in operation.body.models)
        described["requestBody"] = {"required": operation.body.required, "content": {JSON: {"schema": schema}}}
    answers = {str(status): _answer(told, schemas) for status, told in operation.answers.items()}
    if operation.cached:
        answers["304"] = {"description": "If-None-Match names the version that still stands."}
    for status in _refusals(operation):
        answers[str(status)] = _problem(status, schemas)
    described["responses"] = dict(sorted(answers.items()))
    described["security"] = [] if operation.policy is Policy.OPEN else [{"token": []}, *([{}] if anonymous else [])]
    return described


def _heeded(operation: Operation) -> Iterable[tuple[str, str]]:
    """The request headers that an operation heeds."""
    if operation.conditional:
        yield "If-Match", "Only if the session is still at this version: its ETag."
    if operation.cached:
        yield "If-None-Match", "Only if the session is no longer at this version."
    if operation.resumable:
        yield "Last-Event-ID", "The id of the last event that was seen, as a client sends it that comes again."
    if operation.idempotent:
        yield "Idempotency-Key", "The caller's name for this request: a repeat within a day stores nothing."


def _refusals(operation: Operation) -> Iterable[int]:
    """The statuses other than success that an operation may answer with."""
    yield from (400, 408, 413, 417, 500, 503)
    if operation.policy is not Policy.OPEN:
        yield from (401, 403, 421)
    if operation.names:
        yield 404
    if operation.conditional:
        yield 412
    if operation.guarded:
        yield 428
    if operation.resumable:
        yield 429
    if operation.method != "GET":
        yield from (409, 422, 507)
    if operation.body is not None:
        yield 415


def _answer(told: Told, schemas: Schemas) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": told.about}
    if told.headers:
        answer["headers"] = {name: _header(name) for name in told.headers}
    if told.media:
        schema = _any_of(schemas[model, _ANSWER] for model in told.models)
        answer["content"] = {media: {"schema": schema} if told.models else {} for media in told.media}
    return answer


def _problem(status: int, schemas: Schemas) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": TITLES[status],
        "content": {MEDIA: {"schema": dict(schemas[ProblemDetails, _ANSWER])}},
    }
    if status in _PROBLEM_HEADERS:
        told["headers"] = {name: _header(name) for name in _PROBLEM_HEADERS[status]}
    return told


def _header(name: str) -> dict[str, Any]:
    return {"description": _HEADERS[name], "schema": {"type": "string"}}


def _header_parameter(name: str, about: str) -> dict[str, Any]:
    pattern = _PATTERNS.get(name, rf"\*|{TAGS}")
    schema = {"type": "string", "pattern": f"^(?:{pattern})$"}
    return {"name": name, "in": "header", "description": about, "schema": schema}


def _path_parameter(name: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": _SAMPLES[name]}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _any_of(schemas: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    found = [dict(schema) for schema in schemas]
    return found[0] if len(found) == 1 else {"anyOf": found}


def _schemas(operations: Sequence[Operation]) -> tuple[Schemas, dict[str, Any]]:
    """Where each model's schema is, and all of them."""
    wanted: set[Wanted] = {(ProblemDetails, _ANSWER)}
    for operation in operations:
        wanted |= {(model, _REQUEST) for model in (operation.body.models if operation.body else ())}
        wanted |= {(model, _ANSWER) for told in operation.answers.values() for model in told.models}
    found, whole = _models(frozenset(wanted))
    return found, {name: _open_unions(schema) for name, schema in whole.items()}


@lru_cache(maxsize=2)
def _models(wanted: frozenset[Wanted]) -> tuple[Schemas, Mapping[str, Any]]:
    """What pydantic says of the models, kept: most of the work, and the same for every application of a process."""
    ordered = sorted(wanted, key=lambda pair: (pair[0].__name__, pair[1]))
    places, whole = models_json_schema(ordered, ref_template=_REF)
    return cast("Schemas", places), whole["$defs"]


def _open_unions(schema: Any) -> Any:
    """``schema`` with ``anyOf`` for ``oneOf``: a part of a known kind also fits the model for unknown kinds."""
    if isinstance(schema, list):
        return [_open_unions(item) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    members = cast("dict[str, Any]", schema)
    return {
        "anyOf" if name == "oneOf" else name: _open_unions(value)
        for name, value in members.items()
        if name != "discriminator"
    }
