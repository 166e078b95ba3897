"""Was the system started from trusted software: Secure Boot, TPM, integrity measurement."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import (
    ParseError,
    Severity,
    check,
    expect,
    fact,
    failed,
    msg,
    not_applicable,
    undetermined,
)
from audit_core.model import Answer, Judgement
from audit_linux.shell_scripts import script


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


_KEYS = {"uefi", "secureboot", "setupmode", "tpm", "ima", "container"}


# Told only where they are there.
_MORE = {"shim_off", "ima_file"}


def parse_boot(answer: Answer) -> Boot:
    """Key and value per line; Secure Boot is the fifth byte of the EFI variable."""
    values: dict[str, str] = {}
    for line in answer.lines:
        key, equals, value = line.partition("=")
        if not equals or key not in {*_KEYS, *_MORE} or key in values:
            raise ParseError(f"unexpected line {line[:80]!r}")
        values[key] = value.strip()
    flags = {"uefi": ("0", "1"), "container": ("0", "1"), "secureboot": ("", "0", "1"),
             "setupmode": ("", "0", "1")}  # fmt: skip
    if not set(values) >= _KEYS or any(values[k] not in allowed for k, allowed in flags.items()):
        raise ParseError("keys are missing or hold other values")
    secure = values["secureboot"]
    return Boot(
        uefi=values["uefi"] == "1", secure_boot=None if secure == "" else secure == "1",
        setup_mode=values["setupmode"] == "1", tpm=values["tpm"][:40], ima=values["ima"][:200],
        container=values["container"] == "1", shim_off=values.get("shim_off") == "1",
        ima_file=values.get("ima_file") == "1",
    )  # fmt: skip


# The GUID is EFI_GLOBAL_VARIABLE (UEFI specification 3.3); 4 bytes of attributes come first.
_GUID = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
_VARIABLE = (
    "f=/sys/firmware/efi/efivars/{name}-" + _GUID + '; v=; if [ -e "$f" ]; then '
    '[ -r "$f" ] || exit 126; v=$(od -An -t u1 -j4 -N1 "$f" | tr -d " "); fi; echo "{key}=$v"; '
)
BOOT = fact(
    "linux.boot-trust",
    Boot,
    ask=script(
        "u=0; [ -d /sys/firmware/efi ] && u=1; echo uefi=$u; "
        # UEFI without its variables mounted would look like a machine without Secure Boot.
        "[ $u = 0 ] || [ -d /sys/firmware/efi/efivars ] || exit 126; "
        '[ $u = 0 ] || [ -n "$(ls /sys/firmware/efi/efivars)" ] || exit 126; '
        + _VARIABLE.replace("{name}", "SecureBoot").replace("{key}", "secureboot")
        + _VARIABLE.replace("{name}", "SetupMode").replace("{key}", "setupmode")
        + "t=; for d in /sys/class/tpm/tpm[0-9]*; do [ -e $d ] || continue; "
        't=$(cat $d/tpm_version_major 2>/dev/null || echo 1); done; echo "tpm=$t"; '
        "i=; for w in $(cat /proc/cmdline); do case $w in ima_policy=*|ima_appraise=*|ima_tcb) "
        'i="$i $w";; esac; done; echo "ima=$i"; '
        # A machine whose image was made from a container keeps the mark, but it has kthreadd as
        # its second process, which a container does not see.
        "c=0; for m in /.dockerenv /run/.containerenv /run/systemd/container; do "
        '[ -e $m ] && [ "$(cat /proc/2/comm 2>/dev/null)" != kthreadd ] && c=1; done; '
        "echo container=$c; "
        "f=/sys/firmware/efi/efivars/MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23; "
        'if [ -e "$f" ]; then [ -r "$f" ] || exit 126; '
        'echo "shim_off=$(od -An -t u1 -j4 -N1 "$f" | tr -d " ")"; fi; '
        "[ ! -s /etc/ima/ima-policy ] || echo ima_file=1"
    ),
    parse=parse_boot,
)

_IN_CONTAINER = msg("A container: the machine it runs on started it")


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
    state = "-" if boot.secure_boot is None else str(int(boot.secure_boot))
    said = msg(
        "UEFI={uefi}, SecureBoot={state}, SetupMode={setup}",
        uefi=int(boot.uefi),
        state=state,
        setup=int(boot.setup_mode),
    )
    if boot.shim_off:
        off = msg("shim is set not to check signatures (MokSBState)")
        return failed(said, off, expected=msg("Secure Boot on, setup mode off"))
    ok = boot.secure_boot is True and not boot.setup_mode
    return expect(ok, said=said, expected=msg("Secure Boot on, setup mode off"))


@check(
    "linux.measured-boot",
    needs=BOOT,
    severity=Severity.LOW,
    version=2,
    remedy=msg("Give the machine a TPM 2.0 and start the kernel with an IMA policy"),
)
def measured_boot(boot: Boot) -> Judgement:
    """A TPM is there and the kernel was started with an integrity measurement policy."""
    if boot.container:
        return not_applicable(_IN_CONTAINER)
    said = msg("TPM version {tpm}; IMA on the kernel command line: {ima}", tpm=boot.tpm or "-",
               ima=boot.ima or "-")  # fmt: skip
    expected = msg("a TPM, and ima_policy, ima_appraise or ima_tcb on the kernel command line")
    if boot.tpm and not boot.ima and boot.ima_file:
        file = msg("/etc/ima/ima-policy is there; whether it was loaded was not seen")
        return undetermined(said, file, expected=expected)
    ok = boot.tpm != "" and boot.ima != "" and "ima_appraise=off" not in boot.ima.split()
    return expect(ok, said=said, expected=expected)


FACTS = (BOOT,)
CHECKS = (secure_boot, measured_boot)
