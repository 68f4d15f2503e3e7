"""From ``[encryption]`` to a storage that encrypts, or to the reason why this one must not be opened."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

from holdall.checking import checked
from holdall.contract import ISessionStorage, Scan
from holdall.errors import CodecError, HoldallError, PluginError, SettingsError
from holdall.plugins import Plugins, opened
from holdall.settings import EncryptionSettings, Settings

if TYPE_CHECKING:
    from holdall.clock import Clock
    from holdall.hooks import KeySource
    from holdall.sealing.kinds import Cipher
    from holdall.sealing.vault import Vault

__all__ = ["check_encryption", "encrypting", "open_vault"]

_TAGS = 256
_STORE = "encryption"
"""The partition that says of a storage that it is encrypted: ``holdall.sealing.names.STORE``, not imported for it."""
_OFF = EncryptionSettings()


async def encrypting(
    storage: ISessionStorage, settings: Settings, plugins: Plugins, clock: Clock
) -> tuple[ISessionStorage, bool]:
    """``storage``, with encryption around it where that is configured, and whether it is.

    Raises ``SettingsError`` when the keys are not those of the storage, when it is encrypted and nothing is configured,
    and when it holds plaintext that the configuration does not accept: nothing was written then.
    """
    if settings.encryption == _OFF:
        if await storage.load(_STORE) is not None:
            raise SettingsError("the storage is encrypted: [encryption] must say by what, and where its keys are")
        return storage, False
    vault = await open_vault(storage, settings, plugins, clock)
    from holdall.sealing.storage import SealedStorage  # noqa: PLC0415 - most stores are not encrypted

    sealed = SealedStorage(storage, vault, plain=not vault.tag or settings.encryption.plaintext == "accept")
    await sealed.recover()
    return sealed, True


async def open_vault(
    storage: ISessionStorage, settings: Settings, plugins: Plugins, clock: Clock, *, begin: bool = True
) -> Vault:
    """The data keys of ``storage``, which becomes an encrypted one if it is empty or its plaintext is accepted.

    Without ``begin`` it stays what it is: then there may be no key of the storage.
    """
    from holdall.sealing.vault import Vault  # noqa: PLC0415 - most stores are not encrypted

    tag, ciphers = _ciphers(settings, plugins)
    source = await _key_source(settings, plugins)
    vault = Vault(storage, ciphers, source, clock, tag)
    try:
        if not await vault.open(begin=False):
            found = settings.encryption.plaintext != "accept" and tag and await storage.scan(Scan(limit=1))
            if found and not await vault.open(begin=False):  # what is there may be what another process just began
                raise SettingsError(
                    "the storage holds plaintext, and encryption is on: to encrypt it, say encryption.plaintext = "
                    '"accept" for as long as that takes (see "Encrypt a store" in the guide)'
                )
            await vault.open(begin=begin and bool(tag))
    except CodecError as error:
        raise SettingsError(
            f"encryption.keys: the storage cannot be opened with these keys: {error.name}: {error.reason}"
        ) from error
    return vault


def check_encryption(settings: Settings, plugins: Plugins) -> None:
    """Raise ``SettingsError`` or ``PluginError`` for what is wrong with the section; no key is looked at."""
    if settings.encryption != _OFF:
        _ciphers(settings, plugins)
        _key_options(settings, plugins)


def _ciphers(settings: Settings, plugins: Plugins) -> tuple[int, dict[int, Cipher]]:
    """The tag of the cipher for new keys, and every cipher by its tag."""
    section, found = settings.encryption, dict[int, "Cipher"]()
    names = [*([] if section.use is None else [section.use]), *section.reads]
    if not names:
        raise SettingsError("encryption: it says neither which cipher to use nor which to read")
    for name in dict.fromkeys(names):
        offer = plugins.cipher(name, "encryption.use" if name == section.use else "encryption.reads")
        if not 0 < offer.tag < _TAGS or offer.tag in found:
            raise PluginError(f"cipher {name!r} has the tag {offer.tag}, which is taken or not from 1 to 255")
        options = section.options if name == section.use else {}
        made = checked(offer.settings, options, f"encryption.options of {name!r}")
        found[offer.tag] = opened("cipher", name, partial(offer.open, made))
    return 0 if section.use is None else next(iter(found)), found


def _key_options(settings: Settings, plugins: Plugins) -> tuple[Any, Any]:
    keys = settings.encryption.keys
    if keys.use is None:
        raise SettingsError("encryption.keys: it must say where the keys come from (use)")
    offer = plugins.key_source(keys.use, "encryption.keys.use")
    return offer, checked(offer.settings, keys.options, f"encryption.keys.options of {keys.use!r}")


async def _key_source(settings: Settings, plugins: Plugins) -> KeySource:
    offer, options = _key_options(settings, plugins)
    try:
        made = offer.open(options)
        return await made if inspect.iscoroutine(made) else made
    except HoldallError:
        raise
    except Exception as error:  # noqa: BLE001 - a plugin's
        # What the plugin says may hold what it read: only its kind is told (SEC-CRY-06).
        raise PluginError(f"key source {offer.name!r} cannot be opened: {type(error).__name__}") from None
