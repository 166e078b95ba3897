"""What holds in the shell in which somebody works: conditions around TMOUT whose result is known.

It is interactive and has a terminal and a prompt; TMOUT is not set before the start-up files. As
bash 5.2 does in the tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from audit_linux.accounts.shell_words import Word

_TESTS = {"[": "]", "[[": "]]", "test": ""}
_PROMPT = re.compile(r"\$(?:PS1|\{PS1(?::?-)?\})")
_TIMEOUT = re.compile(r"\$(?:TMOUT|\{TMOUT(?::?-)?\})")
_FLAGS = re.compile(r"\$(?:-|\{-\})")
_NAMES = re.compile(r"^[^#\n]*\bTMOUT\b", re.MULTILINE)
_SUCCEED = frozenset({"true", ":", "export", "readonly", "declare", "typeset"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)


class Guards:
    """Whether a command surely succeeds or fails; called for each, in their order.

    `if_unset`: a result counts on TMOUT not being set before.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._alone = sum(1 for text in texts if _NAMES.search(text)) <= 1
        self._untouched = True
        self.if_unset = False

    def __call__(self, words: tuple[Word, ...]) -> bool | None:
        texts = [word.text for word in words]
        if texts[0] in _TESTS:
            return self._test(texts)
        if texts == ["tty", "-s"]:
            return True
        self._untouched &= not any("TMOUT" in word.raw for word in words)
        plain = all(word.plain for word in words)
        done = texts[0] in _SUCCEED or all(_ASSIGNMENT.match(word.raw) for word in words)
        return True if plain and done else None

    def _test(self, texts: list[str]) -> bool | None:
        end = _TESTS[texts[0]]
        if end and texts[-1] != end:
            return None
        inner = texts[1:-1] if end else texts[1:]
        negated = inner[:1] == ["!"]
        result = self._result(inner[1:] if negated else inner)
        return result if result is None else result != negated

    def _result(self, inner: list[str]) -> bool | None:
        """The result of a test without its brackets."""
        if len(inner) == 3 and _FLAGS.fullmatch(inner[0]) and inner[2] in ("*i*", "i"):
            return {"==": inner[2] == "*i*", "=": inner[2] == "*i*", "!=": inner[2] == "i",
                    "=~": inner[2] == "i"}.get(inner[1])  # fmt: skip
        if len(inner) == 2 and inner[0] == "-t" and inner[1] in ("0", "1", "2"):
            return True
        empty = inner[0] == "-z" if inner else False
        if len(inner) not in (1, 2) or inner[:-1] not in ([], ["-n"], ["-z"]):
            return None
        if _PROMPT.fullmatch(inner[-1]):
            return not empty
        if _TIMEOUT.fullmatch(inner[-1]) and self._alone and self._untouched:
            self.if_unset = True
            return empty
        return None
