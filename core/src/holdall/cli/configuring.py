"""Finding the configuration: ``--config``, then ``HOLDALL_CONFIG``, then ``holdall.toml``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdall.errors import SettingsError

if TYPE_CHECKING:
    from holdall.settings import Settings

__all__ = ["config_path", "settings_of", "with_plugins", "with_server"]

DEFAULT = "holdall.toml"


def config_path(args: argparse.Namespace) -> Path | None:
    """The configuration file; ``None`` when there is none but the environment says it all."""
    given: str | None = getattr(args, "config", None) or os.environ.get("HOLDALL_CONFIG")
    path = Path(given or DEFAULT)
    if path.exists():
        return path
    if given is None and os.environ.get("HOLDALL_STORAGE__USE"):
        return None
    raise SettingsError(f"there is no configuration file {path}; to make one: holdall check --example > {path}")


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings that the command line points to; raises ``SettingsError`` with one line per fault."""
    path = config_path(args)
    from holdall.settings import read_settings  # noqa: PLC0415 - costs more than the rest of the command line

    return with_plugins(read_settings({} if path is None else path), args)


def with_plugins(settings: Settings, args: argparse.Namespace) -> Settings:
    """``settings`` with what ``--plugin`` names added to their plugins."""
    if not args.plugins:
        return settings
    return settings.model_copy(update={"plugins": [*settings.plugins, *args.plugins]})


def with_server(settings: Settings, changes: dict[str, Any]) -> Settings:
    """``settings`` with some of ``[server]`` replaced by what the command line says."""
    from pydantic import ValidationError  # noqa: PLC0415

    from holdall.settings import ServerSettings, explained  # noqa: PLC0415

    try:
        server = ServerSettings.model_validate({**settings.server.model_dump(exclude_unset=True), **changes})
    except ValidationError as error:
        raise SettingsError("\n".join(explained(error, ServerSettings, "the command line"))) from None
    return settings.model_copy(update={"server": server})
