"""The crash tool: real writers are killed, or the power of their disk is cut, and every promise is checked.

    python -m holdall.testing.crash --plugin file --mode cut --cycles 20 --seed 1 --controls

A cycle: child processes write and say over a pipe what they intend and what was acknowledged; at a random
moment they are killed (``kill``), or the file system under them is shut down first (``cut``); the storage is
opened again and must hold what was acknowledged, whole, and at most the one step that each writer was in.
"""
