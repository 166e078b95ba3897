"""The command as its users meet it: an installed toy plugin, and the line on stderr."""

from __future__ import annotations

from pathlib import Path

from core.toy import toy
from live.product import Done, dengbao, environment

SIMPLE = """
def colour(name):
    return fact("toy." + name, str, kind="host", ask=ReadFile(path=str(HERE / name)),
                parse=lambda a: a.text.strip())

@check("toy.blue", needs=colour("colour"), severity=Severity.HIGH)
def blue(seen):
    \"\"\"It is blue.\"\"\"
    return expect(seen == "blue", detail=msg("it is {seen}", seen=seen))

@check("toy.second", needs=colour("second"), severity=Severity.LOW)
def second(seen):
    \"\"\"It is blue as well.\"\"\"
    return expect(seen == "blue", detail=msg("it is {seen}", seen=seen))
"""


class Toy:
    """An installed toy plugin, and the command beside it."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.package = toy(base / "site", SIMPLE, ["toy.blue", "toy.second"])
        self.env = environment(base, (base / "site",))

    def colours(self, first: str | None, second: str | None) -> None:
        for name, colour in (("colour", first), ("second", second)):
            (self.package / name).unlink(missing_ok=True)
            if colour is not None:
                (self.package / name).write_text(colour)

    def asks(self, request: str) -> None:
        """The checks ask `request` instead of reading a file."""
        module = self.package / "__init__.py"
        asked = "ReadFile(path=str(HERE / name))"
        assert asked in module.read_text()
        module.write_text(module.read_text().replace(asked, request))

    def __call__(self, *words: object, **env: str) -> Done:
        return dengbao(*words, env=self.env | env)

    def run(self, *words: object, **env: str) -> Done:
        return self("run", "toy", "--store", self.base / "store", *words, **env)


def one_line(done: Done, code: int) -> str:
    """The one line on stderr that a wrong call ends with."""
    assert done.code == code, (done.code, done.stderr)
    assert b"Traceback" not in done.err
    lines = done.stderr.strip().split("\n")
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("dengbao: ")
    assert len(lines[0]) > 20
    return lines[0]
