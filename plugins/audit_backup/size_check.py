"""The check of whether the newest backup is as large as the earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Annotated

from audit_backup import declared, open_points
from audit_backup.facts import CLOCK, SET
from audit_backup.generations import (
    Generation,
    generations,
    key_of,
    regular_and_gone,
    sizes,
    with_full,
)
from audit_backup.model import BackupFile, Content, Files
from audit_backup.names import snapshot
from audit_backup.parts import lost_parts, perhaps_cut
from audit_core.api.sdk import (
    COLLECTED_AT,
    TARGET,
    Judgement,
    Message,
    Severity,
    Target,
    Up,
    capped,
    check,
    failed,
    msg,
    passed,
    undetermined,
)


@check(
    "backup.size",
    needs=(SET, CLOCK, TARGET, COLLECTED_AT),
    severity=Severity.HIGH,
    version=13,
    when_absent=open_points.NO_FOLDER,
    remedy=msg("Check the log of the backup job: the newest backup may be incomplete"),
)
def plausible_size(
    files: Files,
    clock: int,
    target: Target,
    collected_at: str,
    *,
    least_percent: Annotated[int, Up] = 50,
) -> Judgement:
    """The newest backup is not empty and not much smaller than the earlier ones of its series."""
    least = declared.min_bytes(target)
    if isinstance(least, Message):
        return undetermined(least)
    wanted = msg(
        "with content, at least {least} bytes and {percent} % of the median of the earlier ones",
        least=least or 1, percent=least_percent,
    )  # fmt: skip
    latest = open_points.latest_time(clock, collected_at)
    settled = open_points.finished_files(files, clock, latest)
    noted = open_points.still_written(files, clock)
    if open_ := _not_judged(files, settled, clock, latest, wanted):
        return open_
    runs = generations(settled, declared.known_hours(target))
    return _sized(runs, noted, least, least_percent, wanted)


def _not_judged(
    files: Files, settled: Sequence[BackupFile], clock: int, latest: float, wanted: Message
) -> Judgement | None:
    """The judgement where there is no newest backup whose size tells something."""
    why = (
        open_points.kept_by_program(files)
        or (_without_sizes(files) and open_points.known_by_list_only(files))
        or open_points.incomplete_list(files)
        or open_points.dated_in_future(files, clock, latest)
    )
    if why:
        return undetermined(why, expected=wanted)
    if not settled:
        noted = open_points.still_written(files, clock)
        if noted:
            return undetermined(*noted, expected=wanted)
        return open_points.judge_no_files(files, wanted)
    if (files.deeper or files.mounted) and (unseen := open_points.unsearched_places(files)):
        return undetermined(unseen, expected=wanted)
    return None


def _without_sizes(files: Files) -> bool:
    """Whether a backup program listed a backup without its size, and none that holds nothing."""
    empty = any(f.content is Content.EMPTY for f in files.files[:1])
    return not empty and any(f.size <= 1 for f in files.files)


def _sized(
    runs: tuple[Generation, ...],
    noted: tuple[Message, ...],
    least: int | None,
    percent: int,
    wanted: Message,
) -> Judgement:
    newest = runs[0]
    names = capped((f.name for f in newest.files), sort=False)
    detail = msg(
        "The newest backup has {size} bytes in {count} files: {names}",
        size=newest.size, count=len(newest.files), names=names,
    )  # fmt: skip
    empty, never = open_points.without_content(runs)
    if empty := empty or lost_parts(newest.files):
        return failed(detail, empty, *noted, expected=wanted)
    full = with_full(runs) or runs
    if full[0] is not newest:
        detail = msg("The newest full backup has {size} bytes in {count} files: {names}",
                     size=full[0].size, count=len(full[0].files),
                     names=capped((f.name for f in full[0].files), sort=False))  # fmt: skip
    if least is not None and full[0].size < least:
        return failed(detail, *noted, expected=wanted)
    small, like, compared = _compared(full, percent)
    if small and not like:
        return failed(detail, *small, *noted, expected=wanted)
    if why := never or _doubts(runs, least, small, compared):
        return undetermined(detail, why, *noted, expected=wanted)
    return passed(detail, *noted, expected=wanted)


def _doubts(
    runs: tuple[Generation, ...], least: int | None, small: list[Message], compared: bool
) -> Message | None:
    """Why the size of the newest generation is not known to be enough."""
    if small:
        return msg("Sizes vary: full and incremental backups may have the same names")
    if why := perhaps_cut(runs[0].files):
        return why
    if gone := regular_and_gone(runs):
        return msg("The newest backup lacks parts of the one before: {names}", names=capped(gone))
    doubtful = [f for f in runs[0].files if least is None or f.sparse]
    if why := open_points.unknown_content(f for f in doubtful if not snapshot(f.name)):
        return why
    if not compared and least is None:
        return msg("There is no earlier backup to compare with: declare `min_bytes`")
    return _missing(runs)


def _missing(runs: tuple[Generation, ...]) -> Message | None:
    """A message where most of what earlier generations hold is not in the newest."""
    runs = with_full(runs)
    earlier = [run.size for run in runs[1:]]
    if not earlier or runs[0].size * 2 >= median(earlier):
        return None
    here = {key_of(f) for f in runs[0].files}
    missing = [f.name for f in runs[1].files if key_of(f) not in here]
    if not missing:
        return None
    return msg("The newest backup lacks parts of the one before: {names}", names=capped(missing))


def _compared(runs: tuple[Generation, ...], percent: int) -> tuple[list[Message], bool, bool]:
    """What is too small, whether earlier ones were as small at times, and whether any was compared.

    Each series is compared twice: by names without days, and by names without numbers as well.
    """
    small: dict[str, Message] = {}
    like, compared = True, False
    for exact in (True, False):
        new, *old = [sizes(run, exact=exact) for run in runs]
        for key, size in new.items():
            earlier = [run[key] for run in old if run[key]]
            compared |= bool(earlier)
            if earlier and size * 100 < median(earlier) * percent:
                small[key] = msg("{series}: {size} bytes; the median of {count} earlier ones is "
                                 "{median}", series=key, size=size, count=len(earlier),
                                 median=median(earlier))  # fmt: skip
                like &= sum(other <= 2 * size for other in earlier) > 1
    return list(small.values()), like, compared


CHECKS = (plausible_size,)
