"""The umask with which systemd starts services, and so the sessions that sshd starts."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import (
    Answer,
    Judgement,
    ParseError,
    Partial,
    Severity,
    capped,
    check,
    fact,
    failed,
    msg,
    not_applicable,
    partial,
    passed,
    read_rows,
    undetermined,
    verbatim,
)
from audit_core.model import Absent, Command, Reason
from audit_linux.units import is_booted_without_systemd, shown_units, unit_values

_OF_OTHERS = 0o002
# What starts from a template runs later, with the umask of the template.
_TEMPLATES = ("ssh@0.service", "sshd@0.service")


class ServiceMask(Struct, frozen=True, kw_only=True):
    """A service that runs, or that sessions are started from, and its umask."""

    name: str
    mask: int


def parse_masks(answer: Answer) -> tuple[ServiceMask, ...] | Partial | Absent:
    """The services of `systemctl show`: blocks of `NAME=VALUE` between empty lines."""
    if is_booted_without_systemd(answer):
        return Absent(reason=Reason.NOT_PRESENT, detail=msg("systemd is not process 1 here"))
    if answer.exit_code or not answer.stdout:
        raise ParseError(msg("the output of systemctl is incomplete"))
    rows, problems = read_rows(enumerate(shown_units(answer.lines), 1), _service)
    return partial(tuple(row for row in rows if row is not None), problems)


def _service(block: str) -> ServiceMask | None:
    values = unit_values(block)
    name, mask = values.get("Id", ""), values.get("UMask", "")
    if not name or not mask or mask.strip("01234567") or len(mask) > 4:
        raise ParseError(msg("not a service: {text}", text=verbatim(block)))
    runs = values.get("ActiveState") in ("active", "activating", "reloading")
    return ServiceMask(name=name, mask=int(mask, 8)) if runs or name in _TEMPLATES else None


MASKS = fact(
    "linux.service-masks",
    tuple[ServiceMask, ...],
    kind="host",
    ask=Command(
        argv=("systemctl", "show", "--no-pager", "--property=Id,ActiveState,UMask", "*.service",
              *_TEMPLATES),
        not_found=Reason.NOT_PRESENT,
        ok=(0, 1),
        timeout_s=30,
    ),
    parse=parse_masks,
)  # fmt: skip


@check(
    "linux.service-umask",
    needs=MASKS,
    severity=Severity.LOW,
    when_absent=not_applicable(msg("systemd does not start services here")),
    remedy=msg("Remove UMask= from the named units, or set UMask=0022 or less (systemctl edit)"),
)
def service_umask(services: tuple[ServiceMask, ...]) -> Judgement:
    """Services, and sessions that they start, make no files that everybody may change."""
    expected = msg("a umask that masks {bits}", bits=f"{_OF_OTHERS:04o}")
    open_ = [s for s in services if not s.mask & _OF_OTHERS]
    if open_:
        names = capped(f"{s.name} (UMask={s.mask:04o})" for s in open_)
        return failed(msg("New files of these services may be changed by everybody: {names}",
                          names=names), expected=expected)  # fmt: skip
    if not services:
        return undetermined(msg("No service that runs was listed"), expected=expected)
    return passed(msg("{count} services", count=len(services)), expected=expected)


FACTS = (MASKS,)
CHECKS = (service_umask,)
