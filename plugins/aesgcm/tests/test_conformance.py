"""The cipher keeps what the core relies on.

Covers SE-10, PL-04.
"""

from holdall.testing import CipherTests


class TestAesGcm(CipherTests):
    plugin = "aesgcm"
