"""What tools were given and gave back, as people can read it: text as text, fields under their names, else JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from holdall.formats.values import parsed_json
from holdall_html.text import anchor, block, escaped, line, pretty

__all__ = ["fields", "file", "gist", "picture", "value"]

_PICTURES = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"))
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]*={0,2}\s*")
_TELLING = ("command", "cmd", "file_path", "notebook_path", "path", "pattern", "query", "url", "description", "prompt")
"""Names of arguments that say best what a call is about, the best first."""
_OUTPUTS = ("output", "stdout", "text", "content")
_GIST, _SHORT = 160, 120


def gist(arguments: Any) -> str:
    """What a call is about, in a line."""
    if not isinstance(arguments, dict):
        return line("" if arguments is None else arguments, _GIST)
    given = cast("dict[str, Any]", arguments)
    for name in _TELLING:
        found = given.get(name)
        if isinstance(found, list):
            words = [*map(str, cast("list[Any]", found))]
            found = words[-1] if words[:1] in (["bash"], ["sh"], ["zsh"]) else " ".join(words)
        if isinstance(found, str) and found.strip():
            return line(found, _GIST)
    told = (f"{name}: {said if isinstance(said, str) else _compact(said)}" for name, said in given.items())
    return line(", ".join(told), _GIST)


def fields(given: Any) -> str:
    """The arguments of a call, each under its name."""
    if not isinstance(given, dict):
        return "" if given is None else value(given)
    rows = (_row(name, said) for name, said in cast("dict[str, Any]", given).items())
    return f"<dl>{''.join(rows)}</dl>" if given else ""


_COMPARED = {"old_string": "removed", "new_string": "added"}


def _row(name: str, said: Any) -> str:
    text = said if isinstance(said, str) else _compact(said)
    kind = _COMPARED.get(name, "")
    if len(text) <= _SHORT and "\n" not in text and not kind:
        shown = f'<code dir="auto">{escaped(text)}</code>'
        return f'<div class="short"><dt>{escaped(line(name))}</dt> <dd>{shown}</dd></div>\n'
    return f"<div><dt>{escaped(line(name))}</dt> <dd>{block(said if isinstance(said, str) else pretty(said), kind)}</dd></div>\n"


def _compact(given: Any) -> str:
    return msgspec.json.encode(given).decode()


def value(given: Any) -> str:
    """Whatever a tool gave back."""
    if isinstance(given, list) and given and all(isinstance(item, dict) for item in cast("list[Any]", given)):
        return "".join(_item(item) for item in cast("list[dict[str, Any]]", given))
    if given is None or given in ("", [], {}):
        return '<p class="note">nothing</p>'
    told = parsed_json(given)
    if isinstance(told, dict):
        return _told(cast("dict[str, Any]", told))
    return block(given if isinstance(given, str) and told is given else pretty(told))


def _told(given: dict[str, Any]) -> str:
    """An object: what it holds as output first, and as text."""
    name = next((name for name in _OUTPUTS if isinstance(given.get(name), str)), None)
    if name is None:
        return block(pretty(given))
    rest = {other: said for other, said in given.items() if other != name}
    told = _compact(rest) if rest else ""
    if len(told) > _SHORT:
        return block(given[name]) + block(pretty(rest), "rest")
    return block(given[name]) + (f'<p class="note"><code>{escaped(told)}</code></p>' if told else "")


def _item(item: dict[str, Any]) -> str:
    """One of the parts that a result may be made of."""
    if isinstance(item.get("text"), str):
        return block(item["text"])
    source = item.get("source")
    if item.get("type") == "image":
        return picture({**item, **cast("dict[str, Any]", source)} if isinstance(source, dict) else item)
    return block(pretty(item))


def picture(part: Mapping[str, Any]) -> str:
    """An image that is here, or a link to one that is elsewhere."""
    media, data = str(part.get("media_type") or ""), part.get("data")
    if isinstance(data, str) and data and media in _PICTURES and _BASE64.fullmatch(data):
        return f'<p><img alt="an image" loading="lazy" src="data:{media};base64,{"".join(data.split())}"></p>'
    about = f" {escaped(line(media))}" if media else ""
    if isinstance(data, str) and data:
        return f'<p class="note">Image{about}, {len(data):,} characters of base64 that are not shown</p>'
    return f'<p class="note">Image{about} {anchor(part.get("url") or "without data")}</p>'


def file(part: Mapping[str, Any]) -> str:
    """What is said of a file."""
    name, media = part.get("name"), part.get("media_type")
    told = [anchor(part["url"], name) if part.get("url") else escaped(line(name or "without a name"))]
    told += [escaped(line(media))] if media else []
    return f'<p class="note">File {" · ".join(told)}</p>'
