"""What a plugin offers, told from the offer itself: abilities, options with types and defaults, schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdall.checking import schema as schema_of
from holdall.cli.formats import format_facts, own_format
from holdall.cli.tables import pairs, table
from holdall.errors import PluginError
from holdall.hooks import (
    CachePolicyOffer,
    CipherOffer,
    CompactorOffer,
    CompressorOffer,
    FormatOffer,
    KeySourceOffer,
    NoSettings,
    SearchOffer,
    StorageOffer,
    SummariserOffer,
    TokenizerOffer,
)
from holdall.plugins import Installed, Plugins, installed

__all__ = ["FINDERS", "KINDS", "described", "printed", "told_of"]

KINDS: Mapping[type, str] = {
    StorageOffer: "storage",
    CompressorOffer: "compressor",
    CipherOffer: "cipher",
    CachePolicyOffer: "cache policy",
    SearchOffer: "search index",
    KeySourceOffer: "key source",
    FormatOffer: "format",
    TokenizerOffer: "tokenizer",
    CompactorOffer: "compactor",
    SummariserOffer: "summariser",
}

FINDERS: Mapping[type, str] = {kind: name.replace(" ", "_") for kind, name in KINDS.items()}
"""The method of ``Plugins`` that finds an offer of a kind, and refuses what does not fit."""


def described(name: str) -> list[dict[str, Any]]:
    """Everything that the plugin ``name`` offers; it is imported, and no other."""
    plugins = Plugins()
    package = next((found for found in installed() if found.name == name), None)
    if package is None and (own := own_format(name)) is not None:
        return [told_of(own)]
    plugins.load(name)
    offers = [told_of(offer, package) for offer in plugins.offers()]
    if not offers:
        raise PluginError(f"plugin {name!r} offers nothing to configure; name it in plugins = [{name!r}]")
    return offers


def printed(offer: Mapping[str, Any]) -> str:
    """An offer for people to read."""
    options = offer["options"]
    names = ("name", "kind", "summary", "package", "contract", "reads", "writes", "media_type", "suffix", "abilities")
    facts = {name: offer[name] for name in names if name in offer}
    if "abilities" in facts:
        facts["abilities"] = ", ".join(f"{name} {value}" for name, value in offer["abilities"].items())
    rows = [{"option": option, **about} for option, about in options.items()]
    return f"{pairs(facts)}\n\n{table(rows) if rows else 'no options'}"


def told_of(offer: Any, package: Installed | None = None) -> dict[str, Any]:
    """An offer as plain values, with its options and their schema."""
    schema = schema_of(getattr(offer, "settings", NoSettings))
    told: dict[str, Any] = {"name": offer.name, "kind": KINDS[type(offer)], "summary": offer.summary}
    if package is not None:
        told["package"] = f"{package.distribution} {package.version}"
    told["contract"] = offer.contract
    if isinstance(offer, StorageOffer):
        abilities = offer.abilities
        told["abilities"] = {"durability": abilities.durability.label, "shared": "yes" if abilities.shared else "no"}
    if isinstance(offer, FormatOffer):
        told |= format_facts(offer)
    required = schema.get("required", [])
    told["options"] = {
        name: {
            "type": _type(field),
            "default": "required" if name in required else _default(field.get("default")),
            "about": field.get("description", "").split("\n")[0],
        }
        for name, field in schema.get("properties", {}).items()
    }
    told["schema"] = schema
    return told


def _type(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return " | ".join(map(repr, field["enum"]))
    if "anyOf" in field:
        return " | ".join(_type(branch) for branch in field["anyOf"])
    if "$ref" in field:
        return str(field["$ref"]).rsplit("/", 1)[-1]
    return str(field.get("format") or field.get("type") or "any")


def _default(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
