"""Reads README.md: its blocks, the commands in them, the commands in its text, its tables."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = ("matscreen", "make", "python")
"""What a command begins with; a text in backticks that begins so is a command too."""

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        language: What stands behind the fence.
        body: The text between the fences.
        line: Line of README.md on which the body begins.
    """

    language: str
    body: str
    line: int

    def __str__(self) -> str:
        return f"line-{self.line}"


@dataclass(frozen=True)
class Command:
    """One command: its words, comments left out, and its line in README.md."""

    words: tuple[str, ...]
    line: int

    def __str__(self) -> str:
        return f"{self.line}: {shlex.join(self.words)}"

    def begins(self, start: str) -> bool:
        """Whether its first words are those of `start`; the last one may be cut short."""
        return (shlex.join(self.words) + " ").startswith(start)


def blocks(*languages: str) -> list[Block]:
    """Return the fenced blocks, of some languages or of all."""
    found = [
        Block(match["language"], match["body"], _line(match.start("body")))
        for match in _FENCE.finditer(TEXT)
    ]
    return [block for block in found if not languages or block.language in languages]


def commands(block: Block) -> list[Command]:
    """Return the commands of a shell block, one a line."""
    split = [
        (shlex.split(text, comments=True), n) for n, text in enumerate(block.body.splitlines())
    ]
    return [Command(tuple(words), block.line + n) for words, n in split if words]


def inline_commands() -> list[Command]:
    """Return the commands that stand in backticks in the text and in tables."""
    prose = _FENCE.sub(lambda match: "\n" * match[0].count("\n"), TEXT)
    return [
        Command(
            tuple(shlex.split(match[1].partition(" > ")[0])),
            prose.count("\n", 0, match.start()) + 1,
        )
        for match in _INLINE.finditer(prose)
        if match[1].split()[0] in PROGRAMS and match[1] not in PROGRAMS
    ]


def tables() -> list[tuple[str, int, int]]:
    """Return every table with its first and last line."""
    return [
        (match[0], _line(match.start()), _line(match.end()) - 1) for match in _TABLE.finditer(TEXT)
    ]


def cells(table: str) -> list[list[str]]:
    """Return the rows of a table below its head, as texts."""
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]


def _line(position: int) -> int:
    return TEXT.count("\n", 0, position) + 1
