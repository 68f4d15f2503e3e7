"""What the core's tests share: stores on any backend, storages that misbehave, and a codec to look through."""
