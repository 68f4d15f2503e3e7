"""What must hold before anything starts. Each fault is one clear line."""

from __future__ import annotations

import ssl

from holdall import Settings, SettingsError
from holdall.opening import abilities_of
from holdall.plugins import Plugins
from holdall_server.access import Access, is_loopback

__all__ = ["check", "tls_of"]


def check(settings: Settings) -> None:
    """Raise ``SettingsError`` or ``PluginError`` unless a server may run with ``settings``."""
    server = settings.server
    if not server.tokens and server.anonymous is None:
        raise SettingsError(
            "server: nobody could use it: configure [[server.tokens]], or on loopback server.anonymous = OWNER"
        )
    if server.anonymous is not None and not is_loopback(server.host):
        raise SettingsError(
            f"server.anonymous lets in whoever reaches {server.host!r}; it is for loopback only (127.0.0.1, ::1)"
        )
    if server.page > settings.sessions.max_page:
        raise SettingsError(f"server.page is {server.page}, over sessions.max_page ({settings.sessions.max_page})")
    Access(server)
    tls_of(settings)
    plugins = Plugins()
    abilities = abilities_of(settings, plugins)
    if server.workers > 1 and not abilities.shared:
        raise SettingsError(
            f"server.workers is {server.workers}, but the storage {settings.storage.use!r} cannot be shared by "
            "processes; use one worker or a shared storage"
        )


def tls_of(settings: Settings) -> ssl.SSLContext | None:
    """The TLS configuration, if there is one."""
    server = settings.server
    if server.tls_cert is None and server.tls_key is None:
        return None
    if server.tls_cert is None or server.tls_key is None:
        raise SettingsError("server.tls_cert and server.tls_key belong together")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(server.tls_cert, server.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"server.tls_cert and server.tls_key cannot be used ({type(error).__name__})") from None
    return context
