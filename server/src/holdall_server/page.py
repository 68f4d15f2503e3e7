"""The API's description as one HTML page that needs no network, no script and nothing but itself."""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from typing import Any

import msgspec

from holdall_server.problems import MEDIA

__all__ = ["POLICY", "render"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_CODE = re.compile(r"`([^`]+)`")
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem;color:#1b1b1b;background:#fff}
h1{margin-bottom:0}code,pre{font:14px/1.45 ui-monospace,monospace}pre{overflow:auto;background:#f4f4f4;padding:.75rem}
details{border-top:1px solid #ddd;padding:.4rem 0}summary{cursor:pointer}summary b{display:inline-block;width:4.5rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0}
th{font-weight:normal;opacity:.7}span[title]{border-bottom:1px dotted;cursor:help}
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}pre{background:#222}details{border-color:#333}}
"""


@lru_cache(maxsize=2)
def render(document: bytes) -> bytes:
    """The page for an OpenAPI ``document``."""
    api: dict[str, Any] = msgspec.json.decode(document)
    info = api["info"]
    operations = "".join(
        _operation(method, path, item, operation)
        for path, item in api["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    )
    schemas = "".join(_schema(name, schema) for name, schema in api["components"]["schemas"].items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1><p>{escape(info['summary'])} "
        f'The same for machines: <a href="/openapi.json">openapi.json</a>.</p>'
        f"<h2>Operations</h2>{operations}<h2>Schemas</h2>{schemas}</body></html>"
    ).encode()


def _operation(method: str, path: str, item: dict[str, Any], operation: dict[str, Any]) -> str:
    parameters = "".join(map(_parameter, (*item.get("parameters", ()), *operation.get("parameters", ()))))
    head = "<tr><th>parameter</th><th>in</th><th>type</th><th></th><th></th></tr>"
    table = f"<table>{head}{parameters}</table>" if parameters else ""
    return (
        f'<details id="{escape(operation["operationId"])}"><summary><b>{method.upper()}</b><code>{escape(path)}</code> '
        f"{_prose(operation['summary'])}</summary>{table}{_body(operation.get('requestBody'))}"
        f"<table>{_answers(operation['responses'])}</table></details>"
    )


def _parameter(parameter: dict[str, Any]) -> str:
    needed = "required" if parameter.get("required") else "optional"
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{parameter['in']}</td>"
        f"<td>{_type(parameter['schema'])}</td><td>{needed}</td><td>{_prose(parameter.get('description', ''))}</td></tr>"
    )


def _type(schema: dict[str, Any]) -> str:
    """What a value may be; a pattern shows when it is pointed at."""
    if "enum" in schema:
        return " or ".join(f"<code>{escape(word)}</code>" for word in schema["enum"])
    kind = escape(schema["type"])
    if "minimum" in schema:
        return f"{kind}, {schema['minimum']} to {schema['maximum']}"
    if "minLength" in schema:
        return f"{kind}, {schema['minLength']} to {schema['maxLength']} characters"
    return f'<span title="{escape(schema["pattern"])}">{kind}</span>' if "pattern" in schema else kind


def _body(body: dict[str, Any] | None) -> str:
    if body is None:
        return ""
    named = " or ".join(_named(content.get("schema", {})) for content in body["content"].values())
    return f"<p>Takes {named}, {'required' if body['required'] else 'optional'}.</p>"


def _answers(responses: dict[str, Any]) -> str:
    """A row for each answer, and one for all refusals."""
    refusals = {status: told for status, told in responses.items() if MEDIA in told.get("content", {})}
    rows = "".join(
        f"<tr><td><code>{status}</code></td><td>{_prose(told['description'])}</td>"
        f"<td>{', '.join(filter(None, (_named(c.get('schema', {})) for c in told.get('content', {}).values())))}</td>"
        "</tr>"
        for status, told in responses.items()
        if status not in refusals
    )
    if not refusals:
        return rows
    statuses = ", ".join(f'<span title="{escape(told["description"])}">{at}</span>' for at, told in refusals.items())
    shape = _named(next(iter(refusals.values()))["content"][MEDIA]["schema"])
    return f"{rows}<tr><td>errors</td><td>{statuses} as <code>{MEDIA}</code></td><td>{shape}</td></tr>"


def _prose(text: str) -> str:
    """``text`` with what stands between backticks as code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _named(schema: dict[str, Any]) -> str:
    """Links to the schemas that ``schema`` refers to."""
    names = [found["$ref"].rpartition("/")[2] for found in (schema, *schema.get("anyOf", ())) if "$ref" in found]
    return " or ".join(f'<a href="#schema-{escape(name)}">{escape(name)}</a>' for name in names)


def _schema(name: str, schema: dict[str, Any]) -> str:
    text = msgspec.json.format(msgspec.json.encode(schema), indent=2).decode()
    return f'<details id="schema-{escape(name)}"><summary>{escape(name)}</summary><pre>{escape(text)}</pre></details>'
