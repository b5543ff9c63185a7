"""Fails if a retired word is used in names or prose; run by `make lint`.

The words were private to this code base and had several meanings each; docs/glossary.md has the terms in use.
Names are checked in their parts (`told` in `_told_at`), prose in docstrings, comments, messages and documents.
"""

from __future__ import annotations

import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHECKED = ("dashboard", "bench", "tests", ".ci")
SCRIPTS = ("assets", "tests/js", "bench/browser/scripts")
# What others wrote.
VENDOR = "vendor"
# Folders and the files in them that are checked as prose from beginning to end.
PROSE_FILES = (
    *((folder, "*.*js") for folder in SCRIPTS),
    ("assets", "*.css"),
    ("dashboard/codecs", "*.[ch]"),
    ("docs", "*.md"),
    (".", "*.md"),
)

# Word in a name: what to use instead.
NAMES = {
    "told": "recorded, published, reported",
    "retold": "cached_outcome",
    "held": "lock, buffer, pending, a name of what it is",
    "look": "view, probe, poll",
    "looked": "probed_at, read_at",
    "turns": "state, steps",
    "pace": "speed, throughput, playback",
    "paces": "throughput",
    "room": "evictor, budget, buffer, capacity",
    "wanted": "planned, requested, accessed",
    "supply": "loader",
    "supplied": "loaded",
    "gathering": "direct_writer",
    "underway": "in_flight",
    "story": "usage, record",
    "stories": "usage records",
    "stuck": "undeletable",
    "hungry": "unfinished",
    "leap": "skip, stride",
    "flying": "in_flight",
    "leaving": "on_evict",
    "spared": "protected",
}
# Phrase in prose: what to use instead.
PROSE = {
    r"whoever": "the caller, the process, the request",
    r"whom": "a noun",
    r"nobody (waits|looks|wants)": "no request waits …",
    r"somebody (waits|looks|wants|else's)": "a demand, another process's",
    r"la(y|id) down": "write, write-behind",
    r"step(s|ped)? aside": "yield",
    r"let(s)? go of": "release",
    r"put(s)? out": "evict",
    r"can be mended|can mend": "can be corrected",
    r"told apart": "distinguished, identified",
    r"(be|is|are|was|were) told": "be determined, be described, be reported",
    r"stor(y|ies) of": "usage record of",
    r"gives? way": "yield",
    r"had best": "should",
    r"got nowhere": "made no progress",
    r"not to be had": "is unavailable",
    r"(no|is) room (made|to)": "nothing could be evicted, no space to",
    r"tells more": "see …",
    r"under way": "in progress",
    r"goes on from there": "resumes",
    r"looking at the": "reading the",
}
# Comments and strings of a script, and the text of templates between their expressions.
_NO_CODE = re.compile(
    r"/\*.*?\*/|//[^\n]*|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|`[^`$]*`", re.DOTALL
)
_PROSE = {
    re.compile(rf"\b(?:{phrase})\b", re.IGNORECASE): better for phrase, better in PROSE.items()
}


def problems(path: Path) -> Iterator[str]:
    """The retired words in a file, as `file:line: word`."""
    with tokenize.open(path) as stream:
        for token in tokenize.generate_tokens(stream.readline):
            at = f"{path.relative_to(ROOT)}:{token.start[0]}"
            if token.type == tokenize.NAME:
                yield from _in_name(at, token.string)
            elif token.type in (tokenize.COMMENT, tokenize.STRING):
                text = " ".join(token.string.split()).replace(" # ", " ")
                yield from _in_prose(at, text)


def script_problems(path: Path) -> Iterator[str]:
    """The retired words in the names of a script; its comments and strings are prose."""
    code = _NO_CODE.sub(lambda found: "\n" * found.group().count("\n"), path.read_text())
    for number, line in enumerate(code.splitlines(), 1):
        for name in re.findall(r"[A-Za-z_$][\w$]*", line):
            yield from _in_name(f"{path.relative_to(ROOT)}:{number}", name)


def prose_problems(path: Path) -> Iterator[str]:
    """The retired phrases in a file of any kind."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        yield from _in_prose(f"{path.relative_to(ROOT)}:{number}", line)


def _in_prose(at: str, text: str) -> Iterator[str]:
    for phrase, better in _PROSE.items():
        for found in phrase.finditer(text):
            yield f"{at}: {found.group()!r}; better: {better}"


def _in_name(at: str, name: str) -> Iterator[str]:
    for part in re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower().split("_"):
        if part in NAMES:
            yield f"{at}: {part} in {name}; better: {NAMES[part]}"


def main() -> int:
    """Print the retired words in use; the exit status is 1 if there are any."""
    found = [
        line
        for folder in CHECKED
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != Path(__file__).resolve()
        for line in problems(path)
    ]
    found += [
        line
        for folder in SCRIPTS
        for path in sorted((ROOT / folder).rglob("*.*js"))
        if VENDOR not in path.parts
        for line in script_problems(path)
    ]
    found += [
        line
        for folder, names in PROSE_FILES
        for path in sorted(
            (ROOT / folder).glob(names) if folder == "." else (ROOT / folder).rglob(names)
        )
        if VENDOR not in path.parts
        for line in prose_problems(path)
    ]
    sys.stdout.writelines(f"{line}\n" for line in found)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
