"""What the environment says about the configuration: variables that override the file, by name and by content.

``HOLDALL_STORAGE__USE`` stands for ``[storage] use``. A variable that names a table holds it as JSON.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from holdall.errors import SettingsError
from holdall.spelling import nearest

if TYPE_CHECKING:
    from msgspec import Struct

__all__ = ["blamed", "merged", "overridden", "overrides", "unknown_variables"]

PREFIX = "HOLDALL_"
JOINT = "__"


_WORDS = {"yes": True, "y": True, "on": True, "t": True, "no": False, "n": False, "off": False, "f": False}
"""What a person may write for true and false besides these two words, 1 and 0."""


def overrides(model: type[Struct]) -> dict[str, Any]:
    """What the variables say, nested as the file is; raises ``SettingsError`` when one is not the JSON it must be."""
    given: dict[str, Any] = {}
    for path, variable in sorted(_variables(model)):
        here = given
        for step in path[:-1]:
            if not isinstance(here.setdefault(step, {}), dict):
                here[step] = {}
            here = here[step]
        said = _read(model, path, variable)
        here[path[-1]] = merged(here[path[-1]], said) if isinstance(here.get(path[-1]), dict) else said
    return given


def merged(values: Any, given: Any) -> Any:
    """``values`` with what is ``given`` on top, table by table."""
    if not isinstance(values, Mapping) or not isinstance(given, Mapping):
        return given
    below, above = cast("Mapping[Any, Any]", values), cast("Mapping[Any, Any]", given)
    return {**below, **{key: merged(below.get(key), value) for key, value in above.items()}}


def overridden(values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` without the storage's options, if they are another storage's or are replaced as a whole.

    Single options, as in ``HOLDALL_STORAGE__OPTIONS__PATH``, come on top of what is left.
    """
    storage, changed = values.get("storage"), given.get("storage")
    if not isinstance(storage, Mapping) or not isinstance(changed, Mapping):
        return dict(values)
    file, said = cast("Mapping[str, Any]", storage), cast("Mapping[str, Any]", changed)
    whole = _variable(("storage", "options")) or (_variable(("storage",)) and "options" in said)
    same = "use" not in file or said.get("use", file["use"]) == file["use"]
    if same and not whole:
        return dict(values)
    return {**values, "storage": {key: value for key, value in file.items() if key != "options"}}


def blamed(path: Sequence[str], given: Mapping[str, Any]) -> str | None:
    """The variable that said what is at ``path``; ``None`` when none did."""
    here: Any = given
    for step in path:
        if isinstance(here, list):
            here = dict(enumerate(cast("list[Any]", here)))
            step = int(step) if step.isdecimal() else step  # noqa: PLW2901 - the same step, as a number
        if not isinstance(here, Mapping) or step not in here:
            return None
        here = cast("Mapping[Any, Any]", here)[step]
    return next(filter(None, (_variable(path[:length]) for length in range(len(path), 0, -1))), None)


def unknown_variables(sections: Iterable[str]) -> Iterable[str]:
    """A line for each override of a section that there is not; a misspelt variable must not be ignored."""
    known = sorted(name.upper() for name in sections)
    for variable in os.environ:
        section, nested, _ = variable.upper().removeprefix(PREFIX).partition(JOINT)
        if variable.upper().startswith(PREFIX) and nested and section not in known:
            hint = nearest(section, known)
            yield f"the environment: {variable!r} names no section{hint} (allowed: {', '.join(known)})"


def _variables(model: type[Struct]) -> Iterable[tuple[tuple[str, ...], str]]:
    """The path and the name of each variable that stands for something in ``model``."""
    for variable in os.environ:
        path = tuple(variable.lower().removeprefix(PREFIX.lower()).split(JOINT))
        if variable.upper().startswith(PREFIX) and path[0] in model.__struct_fields__:
            yield path, variable


def _read(model: type[Struct], path: Sequence[str], variable: str) -> Any:
    """What ``variable`` holds: JSON where a table or a list belongs, and perhaps where anything does."""
    import json  # noqa: PLC0415 - most environments override nothing

    from holdall.checking.faults import bare, held, holds_more  # noqa: PLC0415 - as above

    text, kind = os.environ[variable], model
    for step in path:
        kind = bare(held(kind, step))
    if kind is bool:
        return _WORDS.get(text.strip().lower(), text.strip())
    if kind in (int, float):
        return text.strip()
    if kind is not Any and not holds_more(kind):
        return text
    try:
        return json.loads(text)
    except ValueError:
        if kind is Any:
            return text
        raise SettingsError(f"the environment: {variable} must be JSON, for it stands for '{'.'.join(path)}'") from None


def _variable(path: Sequence[str]) -> str | None:
    """The variable of exactly this path, as it is written in the environment."""
    name = PREFIX + JOINT.join(path).upper()
    return next((variable for variable in os.environ if variable.upper() == name), None)
