"""What the environment says about the configuration: variables that override the file, by name and by content.

``HOLDALL_STORAGE__USE`` stands for ``[storage] use``. A variable that names a table holds it as JSON.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from pydantic_settings import BaseSettings, EnvSettingsSource

from holdall.spelling import nearest

__all__ = ["JOINT", "PREFIX", "blamed", "overridden", "overrides", "unknown_variables"]

PREFIX = "HOLDALL_"
JOINT = "__"


def overrides(model: type[BaseSettings]) -> Mapping[str, Any]:
    """What the variables say, nested as the file is; raises ``ValueError`` when one is not the JSON it must be."""
    return EnvSettingsSource(model)()


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


def _variable(path: Sequence[str]) -> str | None:
    """The variable of exactly this path, as it is written in the environment."""
    name = PREFIX + JOINT.join(path).upper()
    return next((variable for variable in os.environ if variable.upper() == name), None)
