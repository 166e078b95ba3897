"""`dengbao init`: the files that an audit under a profile begins with, as a policy folder has them.

`starters/PROFILE/LANG/` is copied. `{today}`, `{today-30}` and `{today+30}` in a file are days, so
that the examples are as old as they are meant to be.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path

from audit_core.cli.context import Context
from audit_core.connectors import now
from audit_core.model import as_is, msg
from audit_core.model.errors import StoreError, UsageError
from audit_core.policy.input_errors import nearest
from audit_core.text.system_errors import os_error

_DAY = re.compile(r"\{today([+-][0-9]{1,4})?\}")


def init(context: Context) -> int:
    """Writes the starter files of a profile into a folder; nothing that is there is changed."""
    args = context.args
    source = _starter(context, args.profile)
    folder: Path = args.folder or Path(args.profile)
    files = {path.relative_to(source): path for path in sorted(source.rglob("*"))}
    names = [name for name, path in files.items() if path.is_file()]
    for name in names:
        if (folder / name).exists():
            raise UsageError(msg("{path} is already there", path=str(folder / name)))
    today = datetime.date.fromisoformat(now()[:10])
    try:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            text = dated(files[name].read_text(encoding="utf-8"), today)
            (folder / name).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise StoreError(
            msg("{path}: cannot be written: {error}", path=str(folder), error=os_error(error))
        ) from error
    print(context.text("{count} files are in {folder}. Change the examples, then:",
                       count=len(names), folder=folder))  # fmt: skip
    print(f"dengbao run {args.profile} -i {folder / 'inventory.yaml'} "
          f"--answers {folder / 'answers.yaml'}")  # fmt: skip
    return 0


def dated(text: str, today: datetime.date) -> str:
    """`text` with days in place of `{today}` and `{today-N}`."""
    return _DAY.sub(lambda m: (today + datetime.timedelta(days=int(m[1] or 0))).isoformat(), text)


def _starter(context: Context, profile: str) -> Path:
    """The folder with the starter files of `profile` in the language of the command."""
    found = {
        path.name: path
        for folder in context.registry.policy_dirs
        for path in sorted((folder / "starters").glob("*"))
        if path.is_dir()
    }
    if profile not in found:
        raise UsageError(
            msg("no starter files for {name}{hint} (there are: {there})", name=repr(profile),
                hint=nearest(profile, found), there=as_is(", ".join(sorted(found)) or "-"))
        )  # fmt: skip
    own = found[profile] / context.lang
    return own if own.is_dir() else min(p for p in found[profile].iterdir() if p.is_dir())
