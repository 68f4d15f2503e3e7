"""ChaCha20-Poly1305, for machines without AES in hardware."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from holdall import hookimpl
from holdall.hooks import CipherOffer, NoSettings

TAG, NONCE = 201, 12


class Cipher:
    writes = 1 << 31  # nonces of 96 bits are drawn at random

    def keyed(self, key: bytes) -> "KeyedCipher":
        return KeyedCipher(key)


class KeyedCipher:
    def __init__(self, key: bytes) -> None:
        self._aead = ChaCha20Poly1305(key)

    def encrypt(self, data: bytes, context: bytes) -> bytes:
        nonce = secrets.token_bytes(NONCE)
        return nonce + self._aead.encrypt(nonce, data, context)

    def decrypt(self, data: bytes, context: bytes) -> bytes:
        try:
            return self._aead.decrypt(data[:NONCE], data[NONCE:], context)
        except InvalidTag:
            raise ValueError("it fails its check") from None


@hookimpl
def holdall_ciphers() -> list[CipherOffer[NoSettings]]:
    return [CipherOffer("chacha", "ChaCha20-Poly1305", TAG, NoSettings, lambda _: Cipher(), contract=1)]
