"""How the host starts: containers, UEFI, TPM, IMA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from audit_core.model import (
    Absent,
    Answers,
    FileEntry,
    FileStatus,
    ParseError,
    Reason,
    Verdict,
)
from audit_core.model.files import encode_files
from audit_linux.system import trust

MakeAll = Callable[..., Answers]


def test_a_container_is_started_by_its_host(recorded_answers: MakeAll) -> None:
    boot = trust.parse_boot(recorded_answers("boot-container"))
    assert isinstance(boot, trust.Boot)
    assert trust.secure_boot.judge(boot).verdict is Verdict.NOT_APPLICABLE
    assert trust.measured_boot.judge(boot).verdict is Verdict.NOT_APPLICABLE


def test_a_machine_from_a_container_image_is_no_container(recorded_answers: MakeAll) -> None:
    boot = trust.parse_boot(recorded_answers("boot-machine"))
    assert isinstance(boot, trust.Boot)
    assert trust.secure_boot.judge(boot).verdict is Verdict.FAIL


VARIABLES = "/sys/firmware/efi/efivars"
GUID = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
SHIM = f"{VARIABLES}/MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23"
SECURE, SETUP = f"{VARIABLES}/SecureBoot-{GUID}", f"{VARIABLES}/SetupMode-{GUID}"
UEFI = ("/sys/firmware/efi", VARIABLES, SECURE)
TPM = "/sys/class/tpm/tpm0"


def _boot(
    answers: MakeAll,
    values: dict[str, bytes],
    places: tuple[str, ...] = (*UEFI, TPM),
    ima: str = " ima_policy=tcb\n",
) -> trust.Boot | Absent:
    """`values` are the bytes of EFI variables after their attributes, and of other files."""
    attributes = {True: b"\6\0\0\0", False: b""}
    entries = [
        FileEntry(path=p, status=FileStatus.READ, data=attributes[p.startswith(VARIABLES)] + data)
        for p, data in values.items()
    ]
    found = "".join(f"9 {place}\0" for place in places)
    return trust.parse_boot(answers(files=encode_files(entries), places=found, ima=ima))


ON = {SECURE: b"\1", SETUP: b"\0", f"{TPM}/tpm_version_major": b"2\n"}


@pytest.mark.parametrize(
    ("given", "secure", "measured"),
    [
        ({}, Verdict.PASS, Verdict.PASS),
        ({"values": {**ON, SECURE: b"\0"}}, Verdict.FAIL, Verdict.PASS),
        ({"values": {**ON, SETUP: b"\1"}}, Verdict.FAIL, Verdict.PASS),
        ({"values": {}, "places": (TPM,)}, Verdict.FAIL, Verdict.PASS),
        ({"places": UEFI}, Verdict.PASS, Verdict.FAIL),
        ({"ima": ""}, Verdict.PASS, Verdict.FAIL),
        ({"ima": " ima_hash=sha256\n"}, Verdict.PASS, Verdict.FAIL),
        ({"ima": " ima_appraise=off\n"}, Verdict.PASS, Verdict.FAIL),
        ({"values": {**ON, SHIM: b"\1"}}, Verdict.FAIL, Verdict.PASS),
        ({"ima": "", "places": (*UEFI, TPM, "/etc/ima/ima-policy")}, Verdict.PASS,
         Verdict.UNDETERMINED),
        ({"ima": "", "places": (*UEFI, "/etc/ima/ima-policy")}, Verdict.PASS, Verdict.FAIL),
    ],
)  # fmt: skip
def test_boot(given: dict[str, Any], secure: Verdict, measured: Verdict, answers: MakeAll) -> None:
    boot = _boot(answers, **{"values": ON, **given})
    assert isinstance(boot, trust.Boot)
    assert trust.secure_boot.judge(boot).verdict is secure
    assert trust.measured_boot.judge(boot).verdict is measured


def test_uefi_that_does_not_show_its_variables_is_not_permitted(answers: MakeAll) -> None:
    closed = encode_files([FileEntry(path=SECURE, status=FileStatus.NOT_PERMITTED)])
    places = "".join(f"9 {place}\0" for place in UEFI)
    for boot in (
        trust.parse_boot(answers(files=closed, places=places, ima="")),
        _boot(answers, {}, places=UEFI[:2]),
        _boot(answers, {}, places=UEFI[:1]),
    ):
        assert isinstance(boot, Absent)
        assert boot.reason is Reason.NOT_PERMITTED


def test_no_kernel_command_line_is_called_empty_that_was_searched_for_ima_only(
    recorded_answers: MakeAll,
) -> None:
    boot = trust.parse_boot(recorded_answers("boot-machine"))
    assert isinstance(boot, trust.Boot)
    detail = trust.measured_boot.judge(boot).detail[0]
    assert "IMA on the kernel command line: {ima}" in detail.id
    assert detail.args["ima"] == "-"


def test_what_does_not_tell_the_start_is_refused(answers: MakeAll) -> None:
    for values, places in (({SECURE: b""}, UEFI), ({SECURE: b"\2"}, UEFI), (ON, ("sys",))):
        with pytest.raises(ParseError):
            _boot(answers, values, places=places)
