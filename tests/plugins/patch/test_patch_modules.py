"""Streams of modules that may be retired, and software that dnf and apt know nothing of."""

from __future__ import annotations

import pytest

from audit_core.model import ParseError
from audit_patch import checks, host, modules
from audit_patch.model import Security, Stream
from recorded.patch import answer, answers
from recorded.patch_values import (
    BOOKWORM,
    DAY,
    DNF,
    EPOCH,
    NOW,
    PASS,
    UNDETERMINED,
    dnf_caches,
    judge,
)

# dnf 4.14 and rpm 4.18 of Debian with a module of createrepo_c; the label was invented.
_STATE = b"[nodejs]\nstream=18\nstate=enabled\n"
_LABELLED = (
    b"bash\t(none)\nnodejs\tnodejs:18:8090020240101110609:rhel8\n"
    b"npm\tnodejs:18:8090020240301110609:rhel8\n"
)
_OFFERED = b"m\nName   Stream Profiles Summary\nnodejs 18 [e] common   x      \n\nHint: [e]nabled\n"
_BUILT = 1709291169.0  # 2024-03-01 11:06:09


def test_enabled_streams_with_packages() -> None:
    gone = b"@modulefailsafe\n" + _OFFERED.partition(b"\n")[2]
    unlabelled = _LABELLED.replace(b"nodejs:18:", b"").partition(b"npm")[0]
    whole = Stream(name="nodejs:18", built=_BUILT)
    for states, packages, offered, found in (
        (_STATE, _LABELLED, _OFFERED, (whole,)),
        (_STATE, _LABELLED, gone, (Stream(name="nodejs:18", built=_BUILT, offered=False),)),
        (_STATE, b"nodejs-libs\t(none)\n", _OFFERED, (Stream(name="nodejs:18"),)),
        (_STATE, unlabelled, _OFFERED, (Stream(name="nodejs:18"),)),
        (_STATE, _LABELLED.replace(b"8090020240", b"x"), _OFFERED, (Stream(name="nodejs:18"),)),
        (_STATE, b"bash\t(none)\n", _OFFERED, ()),
        (_STATE, b"nodejs\tnodejs:20:8090020240101110609:rhel8\n", _OFFERED, ()),
        (b"[nodejs]\nstream=\nstate=\n", _LABELLED, b"", ()),
        (b"[nodejs]\nstream=\nstate=disabled\n", _LABELLED, b"", ()),
        (answer(b"", b"grep: /etc/dnf/modules.d: No such file or directory\n", 2), b"", b"", ()),
    ):
        got = answers(states=states, packages=packages, offered=offered)
        assert modules.parse_streams(got) == found, (states, packages)
    # rpm without labels, and dnf that passes over a repository
    skipped = answer(b"", b"Error: no cache for 'm'\n")
    for packages, listed in ((b"", answer(_OFFERED)), (_LABELLED, skipped)):
        with pytest.raises(ParseError):
            modules.parse_streams(answers(states=_STATE, packages=packages, offered=listed))


def test_a_stream_without_builds_of_late_may_be_retired() -> None:
    def verdict(*streams: Stream, **more: object) -> object:
        return judge(checks.security_updates, Security(updates=(), labelled=True),
                     dnf_caches(1, 1), DNF, BOOKWORM, NOW, streams=streams,
                     **more).verdict  # fmt: skip

    late, old = (Stream(name="nodejs:18", built=EPOCH - days * DAY) for days in (179, 181))
    gone = Stream(name="nodejs:18", built=EPOCH, offered=False)
    supported = {"supported_streams": frozenset({"nodejs:18"})}
    assert [verdict(), verdict(late), verdict(old, **supported)] == [PASS] * 3
    bad = [
        verdict(old),
        verdict(Stream(name="x:1")),
        verdict(late, old),
        verdict(gone, **supported),
    ]
    assert bad == [UNDETERMINED] * 4


def test_what_snap_flatpak_and_containers_bring_is_named_beside_the_pass() -> None:
    states = b"ii \tsnapd\nrc \tpodman\nhi \tdocker.io\nii \tpodman-docs\n"
    assert host.installers_of_apt(answer(states)) == ("docker.io", "snapd")
    names = host.installers_of_rpm(answer(b"podman\ndocker-ce\nflatpak-libs\n"))
    assert names == ("docker-ce", "podman")
    for beside, notes in ((names, 2), ((), 1)):
        got = judge(checks.security_updates, Security(updates=(), labelled=True),
                    dnf_caches(1, 1), DNF, BOOKWORM, NOW, beside=beside)  # fmt: skip
        assert (got.verdict, len(got.detail)) == (PASS, notes)
