"""The API's description as one HTML page that needs no network, no script and nothing but itself."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from typing import Any

import msgspec

__all__ = ["POLICY", "render"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem;color:#1b1b1b;background:#fff}
h1{margin-bottom:0}code,pre{font:14px/1.45 ui-monospace,monospace}pre{overflow:auto;background:#f4f4f4;padding:.75rem}
details{border-top:1px solid #ddd;padding:.4rem 0}summary{cursor:pointer}summary b{display:inline-block;width:4.5rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0}
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}pre{background:#222}details{border-color:#333}}
"""


@lru_cache(maxsize=2)
def render(document: bytes) -> bytes:
    """The page for an OpenAPI ``document``."""
    api: dict[str, Any] = msgspec.json.decode(document)
    info = api["info"]
    operations = "".join(
        _operation(method, path, operation)
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


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{parameter['in']}</td>"
        f"<td>{escape(parameter['description'])}</td></tr>"
        for parameter in operation.get("parameters", ())
    )
    body = operation.get("requestBody", {}).get("content", {})
    takes = "".join(f"<p>Takes {_named(content.get('schema', {}))}.</p>" for content in body.values())
    answers = "".join(
        f"<tr><td><code>{status}</code></td><td>{escape(answer['description'])}</td>"
        f"<td>{', '.join(filter(None, (_named(c.get('schema', {})) for c in answer.get('content', {}).values())))}</td>"
        "</tr>"
        for status, answer in operation["responses"].items()
    )
    table = f"<table>{rows}</table>" if rows else ""
    return (
        f'<details id="{escape(operation["operationId"])}"><summary><b>{method.upper()}</b><code>{escape(path)}</code> '
        f"{escape(operation['summary'])}</summary>{table}{takes}<table>{answers}</table></details>"
    )


def _named(schema: dict[str, Any]) -> str:
    """Links to the schemas that ``schema`` refers to."""
    names = [found["$ref"].rpartition("/")[2] for found in (schema, *schema.get("anyOf", ())) if "$ref" in found]
    return " or ".join(f'<a href="#schema-{escape(name)}">{escape(name)}</a>' for name in names)


def _schema(name: str, schema: dict[str, Any]) -> str:
    text = msgspec.json.format(msgspec.json.encode(schema), indent=2).decode()
    return f'<details id="schema-{escape(name)}"><summary>{escape(name)}</summary><pre>{escape(text)}</pre></details>'
