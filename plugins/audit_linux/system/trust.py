"""Trusted boot: Secure Boot, TPM, integrity measurement."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answers,
    Command,
    FileEntry,
    FileStatus,
    ParseError,
    ReadFiles,
    Reason,
    Severity,
    capped,
    check,
    expect,
    fact,
    failed,
    msg,
    not_applicable,
    undetermined,
)
from audit_core.model import Judgement


class Boot(Struct, frozen=True, kw_only=True):
    """How the machine was started. `secure_boot` None: the firmware has no such variable.

    `shim_off`: shim was told not to check what it starts. `ima_file`: a policy of IMA lies in /etc,
    which systemd loads.
    """

    uefi: bool
    secure_boot: bool | None
    setup_mode: bool
    tpm: str
    ima: str
    container: bool
    shim_off: bool = False
    ima_file: bool = False


# The GUIDs are EFI_GLOBAL_VARIABLE (UEFI specification 3.3) and that of shim.
_VARIABLES = "/sys/firmware/efi/efivars"
_SECURE_BOOT = f"{_VARIABLES}/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_SETUP_MODE = f"{_VARIABLES}/SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_SHIM_OFF = f"{_VARIABLES}/MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23"
_FIRMWARE = "/sys/firmware/efi"
_TPM = "/sys/class/tpm"
_IMA_POLICY = "/etc/ima/ima-policy"
# A machine whose image was made from a container keeps the mark, but it has kthreadd as its second
# process, which a container does not see.
_MARKS = ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")
_SECOND = "/proc/2/comm"


def parse_boot(answers: Answers) -> Boot | Absent:
    """How the machine was started; NOT_PERMITTED where UEFI does not show its variables."""
    files = {file.path: file for file in answers["files"].files}
    places = _sizes(answers["places"].text)
    uefi = _FIRMWARE in places
    hidden = [path for path in (_SECURE_BOOT, _SETUP_MODE, _SHIM_OFF) if _closed(files, path)]
    if uefi and not any(path.startswith(f"{_VARIABLES}/") for path in places):
        # UEFI without its variables mounted would look like a machine without Secure Boot.
        hidden.append(_VARIABLES)
    if hidden:
        detail = msg("Cannot read {paths}", paths=capped(hidden))
        return Absent(reason=Reason.NOT_PERMITTED, detail=detail)
    second = files.get(_SECOND)
    return Boot(
        uefi=uefi,
        secure_boot=_variable(files, _SECURE_BOOT),
        setup_mode=_variable(files, _SETUP_MODE) is True,
        tpm=_tpm(files, places),
        ima=_ima(answers["ima"].text)[:200],
        container=any(map(partial(_there, files), _MARKS))
        and (second is None or second.text.strip() != "kthreadd"),
        shim_off=_variable(files, _SHIM_OFF) is True,
        ima_file=places.get(_IMA_POLICY, 0) > 0,
    )


def _sizes(text: str) -> dict[str, int]:
    """Size by path, from records of find."""
    parts = text.split("\0")
    rows = [re.fullmatch(r"([0-9]{1,19}) (/.*)", part, re.DOTALL) for part in parts[:-1]]
    if parts[-1] or None in rows:
        raise ParseError(msg("not a list of paths"))
    return {row[2]: int(row[1]) for row in rows if row}


def _there(files: Mapping[str, FileEntry], path: str) -> bool:
    gone = (FileStatus.NOT_PRESENT, FileStatus.BROKEN_LINK)
    return path in files and files[path].status not in gone


def _closed(files: Mapping[str, FileEntry], path: str) -> bool:
    return _there(files, path) and files[path].status is not FileStatus.READ


def _variable(files: Mapping[str, FileEntry], path: str) -> bool | None:
    """An EFI variable: 4 bytes of attributes, then 0 or 1; None where the firmware has none."""
    if not _there(files, path):
        return None
    if len(files[path].data) != 5 or files[path].data[4] > 1:
        raise ParseError(msg("{path} is neither 0 nor 1", path=path))
    return files[path].data[4] == 1


def _tpm(files: Mapping[str, FileEntry], places: Mapping[str, int]) -> str:
    """The version of the last TPM; 1 where it tells none, empty without a TPM."""
    chips = sorted(path for path in places if re.fullmatch(rf"{_TPM}/tpm[0-9].*", path))
    if not chips:
        return ""
    version = files.get(f"{chips[-1]}/tpm_version_major")
    read = version is not None and version.status is FileStatus.READ
    return version.text.strip()[:40] if version is not None and read else "1"


def _ima(text: str) -> str:
    """The words of the kernel's command line that switch on integrity measurement."""
    chosen = re.compile(r"(?:ima_policy|ima_appraise)=.*|ima_tcb")
    return " ".join(word for word in text.split() if chosen.fullmatch(word))


BOOT = fact(
    "linux.boot-trust",
    Boot, kind="host",
    asks={
        "files": ReadFiles(
            paths=(_SECURE_BOOT, _SETUP_MODE, _SHIM_OFF, *_MARKS, _SECOND),
            globs=(f"{_TPM}/tpm[0-9]*/tpm_version_major",),
        ),
        "places": Command(
            argv=(
                "find", "-L", _FIRMWARE, _VARIABLES, _TPM, _IMA_POLICY, "-maxdepth", "1",
                "-printf", "%s %p\\0",
            ),
            ok=(0, 1),
        ),
        # Only these words: the command line may hold a password of the boot loader.
        "ima": Command(argv=("grep", "-oE", "(^| )ima_[^ ]*", "/proc/cmdline"), ok=(0, 1)),
    },
    parse=parse_boot,
)  # fmt: skip

_IN_CONTAINER = msg("This is a container: trusted boot is a matter of its host machine")


@check(
    "linux.secure-boot",
    needs=BOOT,
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Turn on Secure Boot in the firmware (or in the virtual machine's settings)"),
)
def secure_boot(boot: Boot) -> Judgement:
    """The firmware starts only signed software (Secure Boot is on)."""
    if boot.container:
        return not_applicable(_IN_CONTAINER)
    detail = msg(
        "UEFI boot: {uefi}; Secure Boot: {state}; setup mode: {setup}",
        uefi=boot.uefi,
        state=boot.secure_boot,
        setup=boot.setup_mode,
    )
    if boot.shim_off:
        off = msg("shim is configured not to check signatures (MokSBState)")
        return failed(detail, off, expected=msg("Secure Boot on, setup mode off"))
    ok = boot.secure_boot is True and not boot.setup_mode
    return expect(ok, detail=detail, expected=msg("Secure Boot on, setup mode off"))


@check(
    "linux.measured-boot",
    needs=BOOT,
    severity=Severity.LOW,
    version=2,
    remedy=msg("Give the machine a TPM 2.0 and start the kernel with an IMA policy"),
)
def measured_boot(boot: Boot) -> Judgement:
    """The machine has a TPM, and the kernel was started with an integrity measurement policy."""
    if boot.container:
        return not_applicable(_IN_CONTAINER)
    detail = msg("TPM version {tpm}; IMA on the kernel command line: {ima}", tpm=boot.tpm or "-",
               ima=boot.ima or "-")  # fmt: skip
    expected = msg("a TPM, and ima_policy, ima_appraise or ima_tcb on the kernel command line")
    if boot.tpm and not boot.ima and boot.ima_file:
        file = msg("/etc/ima/ima-policy exists; whether it was loaded is not known")
        return undetermined(detail, file, expected=expected)
    ok = boot.tpm != "" and boot.ima != "" and "ima_appraise=off" not in boot.ima.split()
    return expect(ok, detail=detail, expected=expected)


FACTS = (BOOT,)
CHECKS = (secure_boot, measured_boot)
