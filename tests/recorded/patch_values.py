"""Values that the tests of the checks of audit_patch share."""

from __future__ import annotations

import inspect
from typing import Any

from audit_core.model import Absent, Judgement, Reason, Verdict, msg
from audit_patch import apt
from audit_patch.model import Esm, Listing, Metadata, Release, Security, Source, Sources, Update
from recorded.patch import APT_LISTS, answers

NOW = "2026-11-23T12:00:00+00:00"
EPOCH = 1795435200.0
DAY = 86400
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
ONE = (Update(name="openssl", candidate="3.0.17-1", installed="3.0.15-1"),)
APT = Sources(items=(Source(name="Debian-Security", security=True), Source(name="Debian")))
BOOKWORM = Release(id="debian", name="", version_id="12", version="", codename="bookworm")
DNF = Sources(items=(Source(name="baseos"), Source(name="appstream")))


def judge(check: Any, *facts: object, **more: object) -> Judgement:
    """What `check` says of its first facts, and of `more` by name.

    The facts that are not given are those that the host does not have.
    """
    rows = inspect.signature(check.judge).parameters.values()
    names = [row.name for row in rows if row.kind is row.POSITIONAL_OR_KEYWORD]
    given = dict.fromkeys(names) | dict(zip(names, facts, strict=False)) | more
    values = [given.pop(name) for name in names]
    judgement = check.judge(*values, **given)
    assert isinstance(judgement, Judgement)
    return judgement


UNKNOWN = Absent(reason=Reason.NOT_COLLECTED, detail=msg("no answer"))


def apt_lists(days: float, *, stamp: float | None = None, other: float = 400) -> Metadata:
    return Metadata(
        listings=(
            Listing(source="s", at=EPOCH - days * DAY, security=True),
            Listing(source="m", at=EPOCH - other * DAY),
        ),
        stamp=None if stamp is None else EPOCH - stamp * DAY,
    )


JAMMY = Release(id="ubuntu", name="Ubuntu", version_id="22.04", codename="jammy",
                version="22.04.5 LTS (Jammy Jellyfish)")  # fmt: skip
FOCAL = Release(id="ubuntu", name="Ubuntu", version_id="20.04", codename="focal",
                version="20.04.6 LTS (Focal Fossa)")  # fmt: skip
PLUCKY = Release(id="ubuntu", name="Ubuntu", version_id="25.04", codename="plucky",
                 version="25.04 (Plucky Puffin)")  # fmt: skip
LATER = Release(id="ubuntu", name="Ubuntu", version_id="26.10", codename="s", version="26.10")
BUSTER = Release(id="debian", name="", version_id="10", version="10 (buster)", codename="buster")


def pro(*, days: float = 0, updates: tuple[Update, ...] = (), **more: float) -> Esm:
    dates = {"apps": days, "infra": days} | more
    return Esm(published={k: EPOCH - v * DAY for k, v in dates.items()}, updates=updates)


def ubuntu(*labels: str) -> Sources:
    return Sources(items=tuple(Source(name=f"{label} x main", security=True) for label in labels))


PLAIN, APPS = ubuntu("Ubuntu"), ubuntu("Ubuntu", "UbuntuESMApps")
BOTH = ubuntu("Ubuntu", "UbuntuESMApps", "UbuntuESM")


def listing(name: str, days: float) -> Listing:
    """The list of a release file by its name."""
    times = f"{EPOCH - days * DAY}\0/var/lib/apt/lists/{name}\0".encode()
    return apt.parse_lists(answers(times=times, dates=b"", where=APT_LISTS)).listings[0]


def dnf_caches(baseos: float, appstream: float | None) -> Metadata:
    found = [Listing(source="baseos", at=EPOCH - baseos * DAY, advisories=True)]
    if appstream is not None:
        found.append(Listing(source="appstream", at=EPOCH - appstream * DAY, advisories=True))
    return Metadata(listings=tuple(found), by_source=True)


NOTHING = Metadata(listings=())
NONE = Security(updates=(), labelled=None)
