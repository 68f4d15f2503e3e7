"""What the exit code of every command means.

====  ==================================================================================
0     done, and nothing to report
1     done, but with problems: bad lines, damaged records, a broken plugin, no such session
2     not started: wrong usage, configuration or plugin
3     a storage or a server failed; what was done until then stands
70    an error that nobody expected; ``--debug`` shows where
130   interrupted (Ctrl-C)
141   whoever read the output went away
====  ==================================================================================
"""

from __future__ import annotations

__all__ = ["BROKEN_PIPE", "FAILED", "INTERRUPTED", "OK", "PROBLEMS", "UNEXPECTED", "USAGE", "exit_code"]

OK, PROBLEMS, USAGE, FAILED, UNEXPECTED, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 3, 70, 130, 141


def exit_code(error: Exception) -> int:
    """The code that an error ends a command with."""
    from holdall.errors import HoldallError, PluginError, SettingsError, StorageError  # noqa: PLC0415 - lazy

    if isinstance(error, SettingsError | PluginError):
        return USAGE
    if isinstance(error, StorageError):
        return FAILED
    return PROBLEMS if isinstance(error, HoldallError) else UNEXPECTED
