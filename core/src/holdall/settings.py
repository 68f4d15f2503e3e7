"""The one configuration file: TOML, overridden by the environment, every unknown key refused.

``HOLDALL_STORAGE__USE=memory`` overrides ``[storage] use``; what is nested is joined by two underscores. The file's
``[storage.options]`` are those of the storage that the file names: they do not apply to another.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from holdall.environment import JOINT, PREFIX, blamed, overridden, overrides, unknown_variables
from holdall.errors import SettingsError
from holdall.sessions.policy import SessionPolicy
from holdall.spelling import nearest

__all__ = [
    "CacheSettings",
    "CodecSettings",
    "ServerSettings",
    "Settings",
    "StorageRef",
    "TokenSettings",
    "read_settings",
]

STRICT = ConfigDict(extra="forbid", hide_input_in_errors=True)
Port = Annotated[int, Field(ge=0, le=65535)]


class StorageRef(BaseModel):
    """Names a storage and its options; an option of this type nests one storage in another."""

    model_config = STRICT
    use: str
    """The storage plugin's name."""
    options: dict[str, Any] = {}
    """The plugin's own options; ``holdall plugins NAME`` shows their schema."""


class StorageSettings(StorageRef):
    """Where sessions are kept."""

    durability: Literal["none", "process", "power"] | None = None
    """Refuse to start unless the storage promises at least this."""


class CodecSettings(BaseModel):
    """A compressor or cipher, and its options; without ``use`` there is none."""

    model_config = STRICT
    use: str | None = None
    options: dict[str, Any] = {}
    reads: list[str] = []
    """Others that were used before, with their default options: what they wrote is still read."""


class CacheSettings(BaseModel):
    """The cache of session heads."""

    model_config = STRICT
    policy: str | None = None
    """A cache policy plugin; least recently used when absent."""
    options: dict[str, Any] = {}
    max_bytes: Annotated[int, Field(ge=0)] = 64 << 20


class TokenSettings(BaseModel):
    """A bearer token, by reference: exactly one of ``env``, ``file`` and ``sha256`` says what it is."""

    model_config = STRICT
    owner: Annotated[str, Field(min_length=1, max_length=200)]
    admin: bool = False
    env: str | None = None
    """The environment variable that holds the token."""
    file: Path | None = None
    """The file that holds the token; only its owner may read it."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """The SHA-256 of the token, in hexadecimal."""

    @model_validator(mode="after")
    def _one_reference(self) -> TokenSettings:
        if sum(given is not None for given in (self.env, self.file, self.sha256)) != 1:
            raise ValueError("give exactly one of env, file and sha256")
        return self


class ServerSettings(BaseModel):
    """How the HTTP API is served."""

    model_config = STRICT
    host: str = "127.0.0.1"
    port: Port = 8700
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    tokens: list[TokenSettings] = []
    anonymous: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The owner that requests without a token act as; allowed on loopback only."""
    max_body_bytes: Annotated[int, Field(gt=0)] = 1 << 20
    max_json_depth: Annotated[int, Field(gt=0, le=200)] = 64
    max_json_keys: Annotated[int, Field(gt=0)] = 10_000
    page: Annotated[int, Field(gt=0)] = 50
    """Items on a page when the client does not say."""
    require_if_match: bool = False
    """Refuse changes without ``If-Match`` (status 428)."""
    access_log: bool = False
    grace: Annotated[float, Field(gt=0)] = 15
    """Seconds that requests in flight get at shutdown."""
    tls_cert: Path | None = None
    tls_key: Path | None = None


class Settings(BaseSettings):
    """A Holdall deployment."""

    model_config = SettingsConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix=PREFIX,
        env_nested_delimiter=JOINT,
        nested_model_default_partial_update=True,
    )
    storage: StorageSettings
    server: ServerSettings = ServerSettings()
    sessions: SessionPolicy = SessionPolicy()
    compression: CodecSettings = CodecSettings()
    encryption: CodecSettings = CodecSettings()
    cache: CacheSettings = CacheSettings()
    plugins: list[str] = []
    """Further plugins to load: those that watch sessions or take part in their creation, and single files (``.py``)."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - made anew, without its file
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not used
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not used
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment overrides what is given, which is the file's content."""
        return (EnvSettingsSource(settings_cls), init_settings)


def read_settings(source: str | Path | Mapping[str, Any] | Settings) -> Settings:
    """Settings from a TOML file or its content; raises ``SettingsError`` with one line per fault."""
    if isinstance(source, Settings):
        return source
    where, values = ("the settings", source) if isinstance(source, Mapping) else (str(source), _toml(Path(source)))
    unknown = [*_unknown_keys(values, where), *unknown_variables(Settings.model_fields)]
    if unknown:
        raise SettingsError("\n".join(unknown))
    try:
        given = overrides(Settings)
    except ValueError as error:
        raise SettingsError(f"the environment: {error}") from None
    try:
        return Settings(**overridden(values, given))
    except ValidationError as error:
        raise SettingsError("\n".join(explained(error, Settings, where, given))) from None


def explained(
    error: ValidationError, model: type[BaseModel], file: str, given: Mapping[str, Any] | None = None
) -> Iterable[str]:
    """One line for each fault of a validation: where it is, what is wrong, and the nearest right name.

    It is in ``file``, or in the variable that ``given`` came from.
    """
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        path = [str(step) for step in fault["loc"] if step != "[key]"]
        where = blamed(path, given or {}) or file
        name = repr(".".join(path))[1:-1]
        if fault["type"] == "extra_forbidden":
            allowed = _fields_at(model, path[:-1])
            yield _unknown(where, name, path[-1], allowed)
        elif fault["type"] == "missing":
            yield f"{where}: '{name}' is missing"
        else:
            yield f"{where}: {name}: {' '.join(fault['msg'].split())}"


def _unknown(where: str, name: str, word: str, allowed: Sequence[str]) -> str:
    names = f" (allowed: {', '.join(sorted(allowed))})" if allowed else ""
    return f"{where}: unknown key '{name}'{nearest(word, allowed)}{names}"


def _unknown_keys(values: Mapping[Any, Any], where: str) -> Iterable[str]:
    """What is not even a name of a section; pydantic would take what begins with ``_`` for its own."""
    for key in values:
        if not isinstance(key, str) or key.startswith("_"):
            yield _unknown(where, repr(key).strip("'"), str(key), list(Settings.model_fields))


def _fields_at(model: type[BaseModel], path: Iterable[str]) -> list[str]:
    """The names that a (nested) model knows at ``path``."""
    here: Any = model
    for step in path:
        if _is_model(here):
            field = here.model_fields.get(step)
            here = None if field is None else field.annotation
        else:  # an index of a list, or a key of a mapping: on to what they hold
            here = next((held for held in get_args(here)[::-1] if _model_in(held) is not None), None)
    found = _model_in(here)
    return [] if found is None else list(found.model_fields)


def _model_in(annotation: Any) -> Any:
    if _is_model(annotation):
        return annotation
    return next((found for found in map(_model_in, get_args(annotation)) if found is not None), None)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise SettingsError(f"there is no configuration file {path}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None
