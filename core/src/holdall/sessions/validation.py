"""Input against its model. Imported by the first call that brings input: reading a session needs no pydantic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from holdall.errors import Invalid
from holdall.sessions.inputs import escaped
from holdall.sessions.models import NewMessage, NewSession, NewToolRun, SessionChanges, ToolRunEnd
from holdall.spelling import reason_of

__all__ = ["NewMessage", "NewSession", "NewToolRun", "SessionChanges", "ToolRunEnd", "message_checker", "validated"]

M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], value: Any, pointer: str = "") -> M:
    """``value`` as a ``model``; raises ``Invalid`` with a pointer to the first fault, and never shows the value."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid(error, pointer) from None


def message_checker() -> Callable[[Any, str], None]:
    """What raises as ``validated`` does of a message, at the least cost for what is right: no model is made of it."""
    fits = NewMessage.__pydantic_validator__.isinstance_python

    def check(value: Any, pointer: str) -> None:
        if not fits(value):
            validated(NewMessage, value, pointer)

    return check


def invalid(error: ValidationError, pointer: str = "") -> Invalid:
    """The fault that lies deepest: of a union's branches, the one that was meant."""
    faults = error.errors(include_url=False, include_input=False)
    fault = max(faults, key=lambda fault: len(fault["loc"]))
    return Invalid(reason_of(fault), pointer=pointer + pointer_to(fault["loc"]))


def pointer_to(place: Sequence[int | str]) -> str:
    """The JSON Pointer of a fault's place.

    Pydantic puts the names of the branches it took in between. There are two unions, both in the content of a
    message: ``("content", branch)`` and ``("content", branch, index, kind)``. A key of a mapping that breaks a
    rule is followed by ``"[key]"``.
    """
    steps = [step for at, step in enumerate(place) if at not in (1, 3)] if place[:1] == ("content",) else list(place)
    if steps[-1:] == ["[key]"]:
        del steps[-1]
    return "".join(map(escaped, steps))
