"""What an operation declares of itself. Routing, access, checks and documentation all follow from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeVar

from pydantic import BaseModel

from holdall import SettingsError
from holdall.sessions.policy import SessionPolicy
from holdall_server.exchange import JSON, Call, Reply
from holdall_server.parameters import Parameter

__all__ = ["Body", "Handler", "Operation", "Policy", "Table", "Told", "checked"]

Handler = Callable[[Call], Awaitable[Reply]]
H = TypeVar("H", bound=Handler)


class Policy(Enum):
    """Who may call an operation. There is no default."""

    OPEN = "everybody"
    OWNER = "whoever has a token; every object is checked by the store"
    OPERATOR = "an admin, or whoever reaches a server that needs no token"


@dataclass(frozen=True, slots=True)
class Body:
    """The body that an operation takes."""

    models: tuple[type[BaseModel], ...]
    """What it may be."""
    required: bool = True


@dataclass(frozen=True, slots=True)
class Told:
    """One way in which an operation answers."""

    about: str
    models: tuple[type[BaseModel], ...] = ()
    media: tuple[str, ...] = (JSON,)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path."""

    name: str
    method: str
    path: str
    """As in OpenAPI: ``/api/sessions/{session}``."""
    handler: Handler
    summary: str
    policy: Policy | None = None
    query: Mapping[str, Parameter] = field(default_factory=dict[str, Parameter])
    body: Body | None = None
    answers: Mapping[int, Told] = field(default_factory=dict[int, Told])
    conditional: bool = False
    """Whether it heeds If-Match."""
    guarded: bool = False
    """Whether it is refused without If-Match where the configuration demands that."""
    idempotent: bool = False
    """Whether it heeds Idempotency-Key."""
    cached: bool = False
    """Whether it heeds If-None-Match."""
    resumable: bool = False
    """Whether it heeds Last-Event-ID."""

    @property
    def names(self) -> list[str]:
        """The names in the path."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    def under(self, policy: SessionPolicy) -> Operation:
        """This operation in a deployment with ``policy``: its parameters have the bounds that hold there."""
        return replace(self, query={name: parameter.under(policy) for name, parameter in self.query.items()})


class Table(list[Operation]):
    """Operations, gathered from the functions that they decorate."""

    def add(  # noqa: PLR0913 - each is a thing that an operation may declare
        self,
        method: str,
        path: str,
        *,
        policy: Policy | None = None,
        query: Iterable[Parameter] = (),
        body: Body | None = None,
        answers: Mapping[int, Told],
        conditional: bool = False,
        guarded: bool = False,
        idempotent: bool = False,
        cached: bool = False,
        resumable: bool = False,
    ) -> Callable[[H], H]:
        """Declare the decorated function as the operation ``method`` on ``path``; its docstring is the summary."""

        def declare(handler: H) -> H:
            about = (handler.__doc__ or "").strip().rstrip(".")
            known = {parameter.name: parameter for parameter in query}
            operation = Operation(
                handler.__name__, method, path, handler, about, policy, known, body, answers,
                conditional or guarded, guarded, idempotent, cached, resumable,
            )  # fmt: skip
            self.append(operation)
            return handler

        return declare


def checked(operations: Sequence[Operation]) -> Sequence[Operation]:
    """``operations``, if each has a policy, a summary and a name of its own; raises ``SettingsError``."""
    seen: set[str] = set()
    for operation in operations:
        where = f"{operation.method} {operation.path}"
        if operation.policy is None:
            raise SettingsError(f"{where} declares no policy, so nobody knows who may call it; the server won't start")
        if not operation.summary or operation.name in seen:
            raise SettingsError(f"{where} needs a summary and a name of its own")
        seen.add(operation.name)
    return operations
