"""English after the number one: `1 files are` is `1 file is`. Pure.

Texts are written for several. Chinese needs nothing of the kind.
"""

from __future__ import annotations

import re

_IRREGULAR = {
    "addresses": "address",
    "classes": "class",
    "directories": "directory",
    "entries": "entry",
    "fixes": "fix",
    "policies": "policy",
    "processes": "process",
}
NOUNS = frozenset({
    "accounts", "anchors", "answers", "attachments", "attempts", "backups", "bits", "bytes",
    "cells", "certificates", "characters", "clauses", "columns", "commands", "complaints",
    "conclusions", "connections", "days", "digests", "elements", "endpoints", "exports",
    "failures", "fields", "files", "filings", "findings", "generations", "hosts", "hours",
    "ids", "interfaces", "issues", "keys", "kinds", "levels", "lines", "links", "members",
    "minutes", "modules", "names", "objects", "observations", "ones", "packages", "partners",
    "parts", "passwords", "paths", "ports", "problems", "products", "profiles", "programs",
    "records", "replicas", "requests", "returns", "risks", "roles", "rows", "rules", "runs",
    "schemas", "seconds", "services", "sessions", "sets", "settings", "shifts", "sockets",
    "sources", "states", "suites", "systems", "tables", "tablespaces", "targets", "texts",
    "times", "units", "updates", "users", "values", "views", "words",
}) | set(_IRREGULAR)  # fmt: skip
"""The plural nouns that stand behind a number in a text."""

_VERBS = {
    "are": "is",
    "have": "has",
    "were": "was",
    "do": "does",
    "appear": "appears",
    "apply": "applies",
    "belong": "belongs",
    "break": "breaks",
    "exist": "exists",
    "follow": "follows",
    "give": "gives",
    "use": "uses",
}
_OTHER = r"(?!(?:of|in|as|to|for|with|from|by|at|is|are|has|have|and|that)\b)"
_COUNTED = re.compile(
    rf"^( (?:{_OTHER}[a-z-]+ ){{0,3}}?)({'|'.join(sorted(NOUNS))})\b(?: ({'|'.join(_VERBS)})\b)?"
)


def singular(text: str) -> str:
    """`text`, which stands behind a one, with its noun and the verb after it in the singular."""
    return _COUNTED.sub(_one, text)


def _one(found: re.Match[str]) -> str:
    before, noun, verb = found.groups()
    one = f"{before}{_IRREGULAR.get(noun) or noun[:-1]}"
    return f"{one} {_VERBS[verb]}" if verb else one
