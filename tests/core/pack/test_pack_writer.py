"""A pack holds what it must, checks out with sha256sum alone, and is the same bytes every time."""

from __future__ import annotations

from audit_core.pack.verify import verify
from core.pack.making import Pack


def test_a_pack_is_whole(pack: Pack) -> None:
    report = verify(pack().path)
    assert report.problems == ()
    assert report.whole
