"""The files that root's own start-up files of the shell run: what `.` or `source` names.

Of /root/.bashrc and its kin only these words leave the host, for the rest may hold secrets. A name
behind another variable than HOME, or relative, is passed over.
"""

from __future__ import annotations

import re

from audit_core.api.sdk import (
    Answer,
    Command,
    ParseError,
    Privilege,
    fact,
    msg,
    provider,
    verbatim,
)
from audit_linux.files.root_jobs import Job

_FILES = tuple(
    f"/root/{name}"
    for name in (".profile", ".bash_profile", ".bash_login", ".bashrc", ".bash_aliases",
                 ".bash_logout", ".zshenv", ".zprofile", ".zshrc", ".kshrc")
)  # fmt: skip
_SOURCED = (
    r"(^|[;&|{]|(^|[;[:space:]])(then|do|else))[[:space:]]*(\.|source)[[:space:]]+[^;&|[:space:]]+"
)
_HOME = re.compile(r"^(?:~|\$HOME|\$\{HOME\})(?=/)")


def parse_root_shell(answer: Answer) -> tuple[Job, ...]:
    """The files with a known place that each start-up file of root runs."""
    jobs = []
    for line in answer.lines:
        path, mark, words = line.partition("\0")
        if not mark or path not in _FILES:
            raise ParseError(msg("not a line of grep: {line}", line=verbatim(line)))
        name = _HOME.sub("/root", words.split()[-1].replace('"', "").replace("'", ""))
        if name.startswith("/") and not re.search(r"[$`*?]", name):
            jobs.append(Job(where=path, programs=(name,)))
    return tuple(jobs)


ROOT_SHELL = fact(
    "linux.root-shell",
    tuple[Job, ...],
    kind="host",
    providers=tuple(
        provider(
            Command(
                argv=(grep, "-HosZE", "-e", _SOURCED, *_FILES),
                privilege=Privilege.ROOT,
                ok=(0, 1, 2),  # 2: one of them is missing
            ),
            parse_root_shell,
        )
        for grep in ("/usr/bin/grep", "/bin/grep")
    ),
)
FACTS = (ROOT_SHELL,)
