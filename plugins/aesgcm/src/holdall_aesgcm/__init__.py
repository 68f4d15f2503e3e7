"""Encryption at rest for Holdall: AES-256-GCM, and keys from the environment, a file or a command."""

from __future__ import annotations

from holdall.hooks import CipherOffer, KeySourceOffer, hookimpl
from holdall_aesgcm.cipher import AesGcm, CipherSettings
from holdall_aesgcm.sources import (
    CommandKeys,
    CommandSettings,
    EnvironmentKeys,
    EnvironmentSettings,
    FileKeys,
    FileSettings,
)

__all__ = ["AesGcm", "CommandKeys", "EnvironmentKeys", "FileKeys", "holdall_ciphers", "holdall_key_sources"]

_TAG = 1


@hookimpl
def holdall_ciphers() -> list[CipherOffer[CipherSettings]]:
    """The cipher."""
    return [CipherOffer("aesgcm", "AES-256-GCM, with a random nonce for each record", _TAG, CipherSettings, AesGcm)]


@hookimpl
def holdall_key_sources() -> list[
    KeySourceOffer[EnvironmentSettings] | KeySourceOffer[FileSettings] | KeySourceOffer[CommandSettings]
]:
    """Where keys come from."""
    return [
        KeySourceOffer("env", "keys in an environment variable", EnvironmentSettings, EnvironmentKeys),
        KeySourceOffer("file", "keys in a file that only its owner may read", FileSettings, FileKeys),
        KeySourceOffer("command", "keys that a command prints", CommandSettings, CommandKeys.open),
    ]
