"""The crash tool: real writers are killed, or the power of their disk is cut, and every promise is checked.

    holdall plugin test file --crash cut --cycles 20 --seed 1

A cycle: child processes write and say over a pipe what they intend and what was acknowledged; at a random
moment they are killed (``kill``), or the file system under them is shut down first (``cut``); the storage is
opened again and must hold what was acknowledged, whole, and at most the one step that each writer was in.
In half of the cycles the writers are clients of ``holdall.open`` (``sessions``), in the other half they drive the
storage itself (``commits``), which reaches steps that the core does not make today.

Two controls run first: a storage that cannot lose anything, and one that must. Where they misbehave the tool
proves nothing, and says so.
"""
