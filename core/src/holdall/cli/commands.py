"""The commands by name: where each lives, and one line about it. Only the one that is run is imported."""

from __future__ import annotations

__all__ = ["COMMANDS", "overview"]

COMMANDS = {
    "serve": ("serve", "serve the HTTP API"),
    "check": ("check", "check a configuration without starting it; print schemas and an example"),
    "plugins": ("plugins", "list the installed plugins, or describe one"),
    "plugin": ("plugin", "make a plugin, or test one with the conformance kit"),
    "list": ("listing", "list sessions, most recently active first"),
    "show": ("showing", "read a conversation, or some of it"),
    "append": ("appending", "add a message to a conversation"),
    "edit": ("editing", "change what a message says; every version is kept"),
    "versions": ("versions", "show every version of a message"),
    "redact": ("redacting", "have a message say that it was redacted"),
    "threads": ("threads", "list the threads of a session, or read one"),
    "context": ("context", "show what a model should see of a session now"),
    "branches": ("branches", "list the branches of a session"),
    "fork": ("forking", "make a branch of a conversation"),
    "switch": ("switching", "make a branch the current one"),
    "revert": ("reverting", "end what a session shows at a message, or take that back"),
    "compare": ("comparing", "compare two branches"),
    "delete": ("deleting", "delete a session or a branch, or bring a branch back"),
    "totals": ("totals", "what the messages of a session come to: roles, tokens, cost, latency"),
    "follow": ("following", "follow a session: every change to it as it happens, a line of JSON each"),
    "search": ("searching", "find messages by what they say"),
    "reindex": ("reindexing", "make the search index anew, while it is used"),
    "import": ("importing", "import transcripts into a store or through a running server"),
    "export": ("exporting", "write one session in a format: JSONL, JSON, Markdown, its original records …"),
    "compact": ("compacting", "make what a model sees of a session fit a budget of tokens"),
    "summarise": ("summarising", "summarise messages of a session, and keep the summary beside them"),
    "copy": ("copying", "copy everything from one storage to another"),
    "backup": ("backing_up", "write everything in a storage to one archive, while it is in use"),
    "restore": ("restoring", "restore an archive into an empty storage"),
    "verify": ("verifying", "read everything in a storage or an archive and name what is wrong"),
    "train": ("training", "train a dictionary for the compressor on the storage's own records"),
    "reencode": ("reencoding", "write every old record by the codecs that are configured now"),
    "keys": ("keys", "which keys an encrypted store needs; make a new one, or change to it"),
    "purge": ("purging", "erase a message, a deleted branch or a session for good, and say what is left"),
    "repair": ("repairing", "put a damaged storage right, or say what that would cost"),
}


def overview() -> str:
    """The help of ``holdall`` itself."""
    width = max(map(len, COMMANDS))
    return "\n".join(f"  {name:{width}}  {about}" for name, (_, about) in COMMANDS.items())
