"""The kits of all kinds but storages catch every liar, and no test of theirs catches nobody.

Covers PL-04.
"""

from functools import partial
from inspect import signature
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from holdall.testing import (
    CachePolicyTests,
    CipherTests,
    CompactorTests,
    CompressorTests,
    KeySourceTests,
    SummariserTests,
    TokenizerTests,
    ciphers,
    compactors,
    compressors,
    keys,
    policies,
    summarisers,
    tokenizers,
)
from holdall.testing.kinds import one
from tests.liars import ciphering, compressing, condensing, evicting, wrapping

KITS = {
    "compressor": (CompressorTests, compressors, compressing.COMPRESSORS),
    "cipher": (CipherTests, ciphers, ciphering.CIPHERS),
    "cache policy": (CachePolicyTests, policies, evicting.POLICIES),
    "key source": (KeySourceTests, keys, wrapping.KEY_SOURCES),
    "tokenizer": (TokenizerTests, tokenizers, condensing.TOKENIZERS),
    "compactor": (CompactorTests, compactors, condensing.COMPACTORS),
    "summariser": (SummariserTests, summarisers, condensing.SUMMARISERS),
}


def home(name):
    return next(room for room in (compressing, ciphering, evicting, condensing, wrapping) if hasattr(room, name))


def caught_by(offer):
    return getattr(home(offer.name), offer.name).caught_by


def asked(kind):
    return [name for name in dir(KITS[kind][0]) if name.startswith("test_")]


LIES = [(kind, offer.name, test) for kind in KITS for offer in KITS[kind][2] for test in caught_by(offer)]
HONEST = [
    (kind, offer.name, test) for kind in KITS for offer in KITS[kind][2] if not caught_by(offer) for test in asked(kind)
]


def play(kind, name, test):
    found = one(kind, name, Path(home(name).__file__))
    kit, module, _ = KITS[kind]
    call = getattr(kit(), test)
    fixtures = {"tested": found, "options": {}, "opens": partial(module.opened, found, {})}
    call(**{name: fixtures[name] for name in signature(call).parameters})


@pytest.fixture(autouse=True)
def found_is_enough(monkeypatch):
    """Here it matters that a lie is found, not how shortly it can be told."""
    for kit in (policies, tokenizers, compactors):
        monkeypatch.setattr(kit, "thorough", settings(kit.thorough, phases=[Phase.generate]))


@pytest.mark.parametrize(("kind", "name", "test"), LIES)
def test_caught(kind, name, test):
    with pytest.raises((Exception, pytest.fail.Exception)):
        play(kind, name, test)


@pytest.mark.parametrize(("kind", "name", "test"), HONEST)
def test_honest(kind, name, test):
    play(kind, name, test)


@pytest.mark.parametrize("kind", KITS)
def test_every_test_catches_somebody(kind):
    assert set(asked(kind)) - {test for of, _, test in LIES if of == kind} == set()
