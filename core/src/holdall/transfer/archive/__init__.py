"""One file that holds a whole storage: its lines, writing it, reading it. docs/archive.md describes the format."""
