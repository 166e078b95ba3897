"""PAM stacks as resolved here and as libpam carries them out."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_linux.pam import Pam, Rule, parse_pam, stack, ways
from invented.answers import files
from recorded.libpam import LIBRARY, SILENT


def _by_libpam(folder: Path) -> bool:
    """Whether pam_authenticate(3) succeeds for the service in `folder`."""
    handle = ctypes.c_void_p()
    place = str(folder).encode()
    started = LIBRARY.pam_start_confdir(
        b"service", b"root", ctypes.byref(SILENT), place, ctypes.byref(handle)
    )
    assert started == 0
    result = LIBRARY.pam_authenticate(handle, 0)
    LIBRARY.pam_end(handle, result)
    return bool(result == 0)


def _outcomes(rule: Rule) -> tuple[str, ...]:
    return ("success",) if rule.module == "pam_permit.so" else ("auth_err",)


_CONTROLS = (
    "required", "requisite", "sufficient", "optional", "REQUIRED", "[success=1 default=ignore]",
    "[success=ok default=die]", "[success=done default=bad]", "[default=ignore]", "[success=ok]",
    "[success=1]", "[success=ignore default=1]", "[success=2 default=bad]", "[default=bad]",
    "[perm_denied=ignore success=ok]", "[auth_err=ignore success=ok default=bad]",
)  # fmt: skip
_RULE = st.tuples(
    st.sampled_from(("auth", "auth", "auth", "-auth", "AUTH", "account", "bogus")),
    st.sampled_from(_CONTROLS),
    st.sampled_from(("pam_permit.so", "pam_deny.so")),
    st.sampled_from(("", "\t# why", " \\\n  x", "[a b]")),
).map(" ".join)
_LINE = st.one_of(
    _RULE, _RULE, _RULE,
    st.sampled_from((
        "auth include FOLDER/sub", "auth substack FOLDER/sub", "account include FOLDER/sub",
        "auth", "auth required", "bogus", "session required", "# auth required pam_deny.so", "",
    )),
)  # fmt: skip


@pytest.mark.skipif(not hasattr(LIBRARY, "pam_start_confdir"), reason="Linux-PAM is older than 1.4")
@given(
    service=st.lists(_LINE, min_size=1, max_size=5),
    sub=st.lists(_RULE, min_size=1, max_size=3),
    other=st.sampled_from(("pam_permit.so", "pam_deny.so")),
)
@settings(max_examples=50)
def test_stacks_end_as_in_libpam(
    tmp_path_factory: pytest.TempPathFactory, service: list[str], sub: list[str], other: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "pam.d"
    folder.mkdir(exist_ok=True)
    lines = {"service": service, "sub": sub, "other": [f"auth required {other}"]}
    texts = {name: "\n".join(rules) + "\n" for name, rules in lines.items()}
    for name, text in texts.items():
        (folder / name).write_text(text.replace("FOLDER", str(folder)), encoding="utf-8")
    mine_at = {f"/etc/pam.d/{n}": t.replace("FOLDER", "/etc/pam.d") for n, t in texts.items()}
    pam = parse_pam(files(mine_at))
    assert isinstance(pam, Pam)
    mine = {way.granted for way in ways(stack(pam, "service", "auth"), _outcomes)}
    assert mine == {_by_libpam(folder)}, texts
