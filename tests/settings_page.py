"""docs/settings.md, written from the models of the configuration: every key, its default, and what its docstring says."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any, get_args

import msgspec

from holdall.sessions.policy import ProjectPolicy
from holdall.settings import Settings, TokenSettings

__all__ = ["settings"]

SECTIONS: list[tuple[str, type[msgspec.Struct]]] = [
    (f"[{field.name}]", kind)
    for field in msgspec.structs.fields(Settings)
    for kind in [field.type]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
]
MORE: dict[str, list[tuple[str, type[msgspec.Struct]]]] = {
    "[server]": [("[[server.tokens]]", TokenSettings)],
    "[sessions]": [("[sessions.projects.NAME]", ProjectPolicy)],
}


def settings() -> Iterator[str]:
    """The lines of docs/settings.md."""
    yield "# Every setting"
    yield ""
    yield "Written by `make docs` from the models that check a configuration. [The guide](guide.md#configure-it) says how to use"
    yield "them; `holdall plugins NAME` has the options of a plugin. Sizes are bytes and times are seconds. A key without a"
    yield "default need not be there, but `[storage] use` and a token's `owner`."
    yield from ("", "| key | default | |", "|---|---|---|")
    yield _row("plugins", [], said(Settings)["plugins"])
    for name, kind in SECTIONS:
        for title, model in [(name, kind), *MORE.get(name, [])]:
            yield from _section(title, model)


def said(model: type) -> dict[str, str]:
    """The docstring of each key that has one, those of the model's bases among them."""
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if kind.__module__.startswith("holdall"):
            body = ast.parse(inspect.getsource(kind)).body[0]
            assert isinstance(body, ast.ClassDef)
            for key, text in zip(body.body, body.body[1:], strict=False):
                if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name) and isinstance(text, ast.Expr):
                    found[key.target.id] = str(ast.literal_eval(text.value))
    return found


def _section(title: str, model: type[msgspec.Struct]) -> Iterator[str]:
    yield from (
        "",
        f"## `{title}`",
        "",
        str(model.__doc__).replace("``", "`"),
        "",
        "| key | default | |",
        "|---|---|---|",
    )
    texts, later = said(model), list[tuple[str, type[msgspec.Struct]]]()
    for field in msgspec.structs.fields(model):
        inner = [field.type, *get_args(field.type)]
        nested = next((kind for kind in inner if isinstance(kind, type) and issubclass(kind, msgspec.Struct)), None)
        if nested is not None and nested is field.type:
            later.append((f"{title.removesuffix(']')}.{field.name}]", nested))
        yield _row(field.name, None if nested else _default(field), texts[field.name])
    for name, kind in later:
        yield from _section(name, kind)


def _default(field: Any) -> Any:
    made = field.default_factory
    return made() if made is not msgspec.NODEFAULT else None if field.required else field.default


def _row(name: str, default: Any, text: str) -> str:
    line = " ".join(text.split()).replace("``", "`")
    return f"| `{name}` | {_shown(default)} | {line} |"


def _shown(default: Any) -> str:
    if default is None:
        return ""
    if isinstance(default, int) and not isinstance(default, bool):
        return f"{default:,}" if default >= 10_000 else str(default)
    return f"`{msgspec.json.encode(default).decode()}`"
