"""English after the number one: `1 files are` is `1 file is`. Pure.

Texts are written for several. Chinese needs nothing of the kind.
"""

from __future__ import annotations

import re

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
_BETWEEN = r"(?!(?:of|in|as|to|for|with|from|by|at|is|are|has|have|was|were|and|that)\b)[a-z-]+ "
# The first word in -s within four words; `less`, `status` and the like are no plurals.
_NOUN = r"(?!(?:is|has|was|its|as|does|less)\b)([a-z]*[a-rt-z])s\b(?<!us)"
_COUNTED = re.compile(rf"^( (?:{_BETWEEN}){{0,3}}?){_NOUN}(?: ({'|'.join(_VERBS)})\b)?")


def singular(text: str) -> str:
    """`text`, which follows the number 1, with its noun and verb in the singular."""
    return _COUNTED.sub(_one, text)


def _one(found: re.Match[str]) -> str:
    before, stem, verb = found.groups()
    if stem.endswith("ie"):
        stem = f"{stem[:-2]}y"
    elif stem.endswith(("sse", "xe", "che", "she")):
        stem = stem[:-1]
    return f"{before}{stem} {_VERBS[verb]}" if verb else f"{before}{stem}"
