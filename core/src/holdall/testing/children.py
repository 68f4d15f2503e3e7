"""Child processes of the kit: told what to do by one task, heard over a pipe, and killed."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import IO, Any, Protocol, Self

from holdall.testing.opening import Subject

__all__ = ["PATIENCE", "Child", "Process", "spawned"]

PATIENCE = 60.0
"""Seconds that a child may be silent."""


class Process(Protocol):
    """A running process with its two pipes: a ``subprocess.Popen``, or one that a nursery forked."""

    stdin: IO[str] | None
    stdout: IO[str] | None

    def kill(self) -> None:
        """Send it SIGKILL."""

    def poll(self) -> int | None:
        """``None`` while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; its exit code, as far as that is known."""
        ...


def spawned(module: str, subject: Subject, options: Mapping[str, Any], task: Mapping[str, Any]) -> Child:
    """A fresh process of ``module``, given ``task``."""
    told = {"plugin": subject.plugin, "file": subject.file, "options": dict(options), **task}
    command = [sys.executable, "-m", module, json.dumps(told, default=str)]
    return Child(
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    )


class Child:
    """One process. Its lines are read as they come, so it never waits for us."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._pump = threading.Thread(target=self._read, daemon=True)
        self._pump.start()

    def line(self, patience: float = PATIENCE) -> str:
        """The next line; a child that ends or stays silent is an error."""
        try:
            line = self._lines.get(timeout=patience)
        except queue.Empty:
            raise AssertionError(f"a child process said nothing for {patience:.0f} seconds") from None
        if line is None:
            raise AssertionError(f"a child process ended early, with exit code {self._process.wait()}")
        return line

    def expect(self, word: str) -> str:
        """The rest of the next line, which must begin with ``word``."""
        line = self.line()
        head, _, rest = line.partition(" ")
        assert head == word, f"a child process said {line!r}, not {word!r}"
        return rest

    def say(self, word: str) -> None:
        """Send the child a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def until(self, word: str, patience: float = PATIENCE) -> list[str]:
        """The lines up to the one that is ``word``, or to its end."""
        lines: list[str] = []
        while True:
            try:
                line = self._lines.get(timeout=patience)
            except queue.Empty:
                raise AssertionError(f"a child process said nothing for {patience:.0f} seconds") from None
            if line is None:
                self._lines.put(None)
                return lines
            lines.append(line)
            if line == word:
                return lines

    def kill(self) -> None:
        """End it as ``kill -9`` does; it gets no chance to do anything more."""
        self._process.kill()

    def rest(self) -> list[str]:
        """Wait for its end; the lines it had still said."""
        self._process.wait(PATIENCE)
        self._pump.join(PATIENCE)
        lines: list[str] = []
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            lines.append(line)
        self._lines.put(None)
        return lines

    def wait(self) -> int:
        """Wait for its end; its exit code."""
        return self._process.wait(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE)
        self._pump.join(PATIENCE)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith("\n"):  # or it was killed in the middle of a word
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)
