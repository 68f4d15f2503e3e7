"""``holdall plugin new``: a package, or a single file, that works as it is, with the places to change marked.

The modules of this folder are the templates, and plugins that work: what is written is their text, with the name and the
line about it filled in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from holdall.cli.scaffold.texts import PYPROJECT, README, TESTS
from holdall.errors import PluginError
from holdall.plugins import installed

__all__ = ["KINDS", "Scaffold"]

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_LONGEST = 80
_IMPORT = re.compile("from msgspec import .*\n\n")
"""Stands before the imports of Holdall in our own code; in others' Holdall is one library among others."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What differs between the kinds: the kit's class, and how one is configured."""

    tests: str
    configuration: str


KINDS: Mapping[str, Kind] = {
    "storage": Kind("StorageTests", '[storage]\nuse = "<name>"'),
    "compressor": Kind("CompressorTests", '[compression]\nuse = "<name>"'),
    "cipher": Kind(
        "CipherTests",
        'plugins = ["aesgcm"]      # has the key source\n[encryption]\nuse = "<name>"\n'
        'keys = { use = "env" }    # HOLDALL_KEYS: `holdall keys new` prints one',
    ),
    "cache-policy": Kind("CachePolicyTests", '[cache]\npolicy = "<name>"'),
    "key-source": Kind(
        "KeySourceTests",
        'plugins = ["<name>"]\n[encryption]\nuse = "aesgcm"\n[encryption.keys]\nuse = "<name>"\n'
        'options = { path = "./keys" }',
    ),
    "format": Kind(
        "FormatTests",
        'plugins = ["<name>"]  # for `holdall serve`; `holdall export ID --format <name>` finds it without, as does import',
    ),
    "tokenizer": Kind("TokenizerTests", '[tokenizer]\nuse = "<name>"'),
    "compactor": Kind("CompactorTests", '[compaction]\nuse = ["<name>"]'),
    "summariser": Kind("SummariserTests", '[summaries]\nuse = "<name>"'),
    "search-index": Kind("SearchIndexTests", '[search]\nuse = "<name>"'),
}


@dataclass(frozen=True, slots=True)
class Scaffold:
    """A plugin to be written: its name, one line about it, and its kind."""

    name: str
    summary: str
    kind: str

    def __post_init__(self) -> None:
        """Refuse what could not be a plugin."""
        if not _NAME.fullmatch(self.name):
            raise PluginError(f"a plugin's name is of small letters, digits, - and _, not {self.name!r}")
        for other in installed():
            if other.name == self.name:
                raise PluginError(f"a plugin {self.name!r} is installed already, from {other.distribution}")
        if find_spec(self.module) is not None:
            raise PluginError(f"{self.module} is there already, and would be replaced: choose another name")
        line = self.summary.strip()
        if not 0 < len(line) <= _LONGEST or not line.isprintable() or set(line) & set('"\\<>'):
            raise PluginError(f"say in one line of at most {_LONGEST} characters, without quotes, what it is")

    @property
    def module(self) -> str:
        """The name that is imported."""
        return f"holdall_{self.name.replace('-', '_')}"

    @property
    def distribution(self) -> str:
        """The name that is installed."""
        return f"holdall-{self.name.replace('_', '-')}"

    def code(self) -> str:
        """The plugin itself."""
        template = Path(__file__).with_name(f"{self.kind.replace('-', '_')}.py").read_text(encoding="utf-8")
        line = self.summary.strip().rstrip(".")
        for found in _IMPORT.findall(template):
            template = template.replace(found, "", 1).replace("\n__all__", f"{found.strip()}\n\n__all__", 1)
        code = template.replace('"""SUMMARY."""', f'"""{line[0].upper()}{line[1:]}."""', 1).replace("SUMMARY", line)
        return code.replace("Mykind", self._title).replace("mykind", self.name)

    def files(self) -> dict[str, str]:
        """The files of a package, by their paths in it."""
        return {
            "pyproject.toml": self._filled(PYPROJECT),
            "README.md": self._filled(README),
            f"src/{self.module}/__init__.py": self.code(),
            f"src/{self.module}/py.typed": "",
            "tests/test_conformance.py": self._filled(TESTS),
        }

    @property
    def _title(self) -> str:
        return "".join(part.capitalize() for part in re.split("[-_]", self.name))

    def _filled(self, text: str) -> str:
        kind = KINDS[self.kind]
        values = {
            "configuration": kind.configuration,
            "distribution": self.distribution,
            "kind": self.kind.replace("-", " "),
            "module": self.module,
            "name": self.name,
            "Name": self._title,
            "summary": self.summary.strip(),
            "tests": kind.tests,
        }
        for _ in range(2):  # the configuration has a name in it
            text = re.sub(r"<(\w+)>", lambda found: values[found[1]], text)
        return text
