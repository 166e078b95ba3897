"""What a case of the connector contract has to offer: a server, an inventory and requests."""

from __future__ import annotations

import enum
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import ClassVar

from core.toy import OFFERS, install, policy

PASSWORD = "Xq7-planted-pass-word"
OTHERS = "Zk4-not-of-this-run"
_MADE = """
def made(name, kind, ask, held=False):
    def of(target):
        if held != (target.id == "held"):
            return msg("not asked here")
        return ask(target) if callable(ask) else ask
    given = fact("c.%s-text" % name, str, kind=kind, ask=of, parse=lambda answer: answer.text)
    @check("c." + name, needs=given, severity=Severity.LOW)
    def answered(seen):
        \"\"\"It answers.\"\"\"
        return passed(msg("it says {seen}", seen=seen[:200]))
    return answered

def sh(script, **more):
    return Command(argv=("/bin/sh", "-c", script), **more)
"""


class Point(enum.StrEnum):
    """What every connector is held to; see the tests of the same names."""

    SECRET = "secret"
    LOCKOUT = "lockout"
    SCOPE = "scope"
    DEADLINE = "deadline"
    CAP = "cap"
    RESUME = "resume"
    REPLAY = "replay"
    DOCTOR = "doctor"
    PLAN = "plan"
    GRANTS = "grants"


class Case:
    """One connector, with a server of its own that is there as long as `stack`.

    `exempt` says why a point cannot hold of it. `source` makes the checks `plain` (one answer),
    `echo` and `error` (the password in an answer, and in an error), `slow` (600 s) and `big`.
    """

    name: ClassVar[str]
    exempt: ClassVar[dict[Point, str]] = {}
    source: str
    planted: tuple[str, ...] = (PASSWORD,)
    beside = ""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.prepare()

    def prepare(self) -> None:
        """Starts what is to be asked."""

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        """The entry of the inventory; `secret` is the name of an environment variable."""
        raise NotImplementedError

    def asked(self) -> int:
        """How often `plain` came to the target so far, at least once for each time."""
        raise NotImplementedError

    def contacts(self) -> int:
        """How often the target was connected to so far."""
        return self.asked()

    def refused(self) -> int:
        """How many logins the target refused so far."""
        raise NotImplementedError

    def echoing(self) -> AbstractContextManager[str]:
        """The entry of a target that tells the password in the error of its login."""
        raise NotImplementedError

    def install(self, site: Path, *checks: str) -> Path:
        """`site` with a plugin whose profile `toy` has `checks`."""
        names = [f"c.{name}" for name in checks]
        install(site, "contracted", _MADE + self.source + OFFERS, files=policy(names))
        return site
