"""What docs/hooks says of each hook's shape, written from the code: signatures, offers, and what they make."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from holdall import caching, codecs, contract, hooks, offers, searching
from holdall.formats import kinds as formats
from holdall.formats import records
from holdall.sealing import kinds
from holdall.sessions import compaction, events, summaries

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "hooks"
SHAPES: dict[str, list[type]] = {
    "holdall_storages": [hooks.StorageOffer, contract.ISessionStorage],
    "holdall_compressors": [offers.CompressorOffer, codecs.Compressor, codecs.Learning],
    "holdall_ciphers": [offers.CipherOffer, kinds.Cipher, kinds.KeyedCipher],
    "holdall_cache_policies": [offers.CachePolicyOffer, caching.CachePolicy, caching.SheddingPolicy],
    "holdall_key_sources": [offers.KeySourceOffer, offers.KeySource],
    "holdall_formats": [offers.FormatOffer, formats.Reader, records.Transcript, records.About, records.Entry],
    "holdall_tokenizers": [offers.TokenizerOffer, compaction.Tokenizer],
    "holdall_compactors": [offers.CompactorOffer, compaction.Compactor, compaction.Entry, compaction.Choice],
    "holdall_summarisers": [offers.SummariserOffer, summaries.Summariser, summaries.Brief],
    "holdall_search_indexes": [offers.SearchOffer, searching.SearchIndex],
    "holdall_creating": [events.Draft],
    "holdall_observe": [events.Event],
}
BLOCK = re.compile(r"(## Signature\n\n```python\n).*?(```\n)", re.DOTALL)
HOOKS = [name for name in vars(hooks.Specs) if name.startswith("holdall_")]


def pages() -> dict[str, Any]:
    """For ``tests.generate``: each hook's page, with its block as the code has it."""
    return {f"docs/hooks/{hook}.md": lambda hook=hook: filled(hook) for hook in HOOKS}


def filled(hook: str) -> Iterator[str]:
    """The lines of a hook's page."""
    shape = "\n\n".join([signature(hook), *map(described, SHAPES[hook])])
    text = BLOCK.sub(lambda found: f"{found[1]}{shape}\n{found[2]}", (FOLDER / f"{hook}.md").read_text())
    yield from text.removesuffix("\n").split("\n")


def signature(hook: str) -> str:
    """A hook as a plugin writes it."""
    return f"@hookimpl\n{_function(getattr(hooks.Specs, hook)).replace('(self, ', '(').replace('(self)', '()')}: ..."


def described(kind: type) -> str:
    """An offer by its fields, or a class by its methods."""
    name = f"class {kind.__name__}:"
    if dataclasses.is_dataclass(kind) or hasattr(kind, "__struct_fields__"):
        return "\n".join([name, *(f"    {field}" for field in _fields(kind))])
    methods = [value for key, value in vars(kind).items() if inspect.isfunction(value) and not key.startswith("_")]
    values = [f"    {key}: {value}" for key, value in vars(kind).get("__annotations__", {}).items()]
    return "\n".join([name, *values, *(f"    {_function(method)}: ..." for method in methods)])


def _function(function: Any) -> str:
    shown = str(inspect.signature(function)).replace("'", "")
    return f"{'async ' if inspect.iscoroutinefunction(function) else ''}def {function.__name__}{shown}"


def _fields(kind: Any) -> Iterator[str]:
    if dataclasses.is_dataclass(kind):
        for field in dataclasses.fields(kind):
            default = "" if field.default is dataclasses.MISSING else f" = {_value(field.default)}"
            yield f"{field.name}: {field.type}{default}"
    else:
        required = len(kind.__struct_fields__) - len(kind.__struct_defaults__)
        defaults = [""] * required + [f" = {_value(value)}" for value in kind.__struct_defaults__]
        for name, default in zip(kind.__struct_fields__, defaults, strict=True):
            yield f"{name}: {kind.__annotations__[name]}{default}"


def _value(value: Any) -> str:
    """A default as the code writes it."""
    if inspect.isfunction(value):
        return value.__name__
    factory = getattr(value, "factory", None)
    return repr(value if factory is None else factory())
