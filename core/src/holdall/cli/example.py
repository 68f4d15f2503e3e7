"""The example that ``holdall check --example`` prints: it runs as it stands."""

from __future__ import annotations

__all__ = ["EXAMPLE"]

EXAMPLE = """\
# Holdall's configuration. Every key can be overridden by the environment: HOLDALL_STORAGE__USE=memory
# For completion in an editor: holdall check --schema > holdall.schema.json

[storage]
use = "file"                  # file, memory, diskcache, tinydb, or another storage that `holdall plugins` lists
# durability = "power"        # refuse to start unless the storage promises at least none, process or power

[storage.options]             # the plugin's own; see: holdall plugins file
path = "./data"               # relative to where `holdall` is started; `holdall check` shows what it comes to

[server]
host = "127.0.0.1"
port = 8700
# workers = 2                 # needs a storage that many processes may share
anonymous = "local"           # whom requests without a token act as; allowed on loopback only

# [[server.tokens]]           # one for each client; exactly one of env, file and sha256 says what the token is
# owner = "ana"
# env = "HOLDALL_TOKEN_ANA"
# admin = false

[sessions]
# ttl = 2592000               # idle seconds after which a session expires; none by default
# max_lifetime = 31536000     # seconds after creation that nothing passes
# max_message_bytes = 262144

# [sessions.projects.demo]    # what single projects do differently
# ttl = 3600

# [compression]               # pip install holdall-zstd
# use = "zstd"

# [encryption]                # pip install holdall-aesgcm; see "Encrypt it" in the guide
# use = "aesgcm"
# [encryption.keys]
# use = "file"
# options = { path = "keys" } # made by: umask 077; holdall keys new > keys

# [search]                    # pip install holdall-fts
# use = "fts"
# options = { path = "./search" }

# [compaction]                # pip install holdall-compaction
# budget = 100000             # tokens that a model is shown, where nobody says how many

# [cache]
# max_bytes = 67108864
"""
