"""Whether an archive of a borg repository brought content, by the files in data/. Pure.

borg writes numbered files, and closes each change with a file that holds no more than a commit.
An archive of an empty source writes its own records and the list of archives only. `borg compact`
writes older content anew, but leaves a gap in the numbers before it, as it removes the commit.
Made with borg 1.2.4; 1.1 and 1.4 by their documents.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from audit_backup.model import BackupFile, Content, Segment

_COMMIT = 17  # bytes of a file with a commit
_BY_INIT = 1  # `borg init` writes the files 0 and 1
_LATE = 60  # seconds after its end within which an archive is written out
_RECORDS = 8192  # bytes that an archive without content may take
_LISTED = 200  # bytes of one archive in the list of archives


def brought(
    archives: tuple[BackupFile, ...], segments: tuple[Segment, ...], until: float = math.inf
) -> Content:
    """FULL where the first of `archives`, the newest, wrote more than its own records.

    One that wrote no more is of an empty source, or of one in which nothing had changed. `until`:
    when the next archive of the repository began, in seconds since 1970.
    """
    if len(archives) > 1 and _mixed(archives, segments):
        return Content.DOUBTFUL
    own = tuple(s for s in segments if s.at < until)
    written = sum(s.size for s in _of_archive(archives[0], own))
    least = _RECORDS + _LISTED * len(archives)
    return Content.FULL if written > least else Content.DOUBTFUL


def _mixed(archives: tuple[BackupFile, ...], segments: tuple[Segment, ...]) -> bool:
    """Whether files of an older archive look new: in a copy, or where it ended as this one began.

    borg tells times in whole seconds.
    """
    begin = int(archives[0].at)
    return all(s.at >= begin for s in segments) or max(a.ended for a in archives[1:]) >= begin


def _of_archive(archive: BackupFile, segments: tuple[Segment, ...]) -> Iterator[Segment]:
    """The files that `archive` wrote: from the first since its start to a commit or a gap."""
    new = (s for s in segments if s.at >= int(archive.at) and s.number > _BY_INIT)
    since = sorted(new, key=lambda s: s.number)
    for place, segment in enumerate(since):
        apart = segment.number != since[0].number + place
        if apart or segment.size <= _COMMIT or segment.at > archive.ended + _LATE:
            return
        yield segment
