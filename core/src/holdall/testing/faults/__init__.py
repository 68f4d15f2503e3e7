"""The fault tool: every write-side system call of every operation fails, or is where the process dies.

    holdall plugin test file --faults

For each operation of the public API a first run counts the calls that reach the store's folder. Then, for each of
them, a process that has the store open carries out the operation with that one call failing (EIO, ENOSPC, or
interrupted by a signal), or is killed at it. What the process shows afterwards must be one of the moments that there
may be, whatever it acknowledges must last, and the store, opened again, must be whole: what was acknowledged
is there, what failed happened altogether or not at all, and every listing shows it.

A control runs first: a storage that ignores the errors of its writes must be found out.
"""
