"""Where the programs lie that an administrator runs."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from audit_core.api.sdk import Provider, Reason

_APART = ("apart", "unknown")


def placed(
    provide: Callable[[str, Reason], Provider], folder: str = "sbin"
) -> tuple[Provider, ...]:
    """What `provide` makes of each folder where a program may lie, and of what its absence means.

    Where /usr is not merged (RHEL 6, Debian 11 and before when upgraded, Gentoo) a program lies in
    /usr/sbin or in /sbin, and is not installed where it lies in neither; else one place is asked.
    """
    usr, root = f"/usr/{folder}", f"/{folder}"
    return (
        _where(("merged",), provide(usr, Reason.NOT_PRESENT)),
        _where(_APART, provide(usr, Reason.UNSUPPORTED)),
        _where(_APART, provide(root, Reason.NOT_PRESENT)),
    )


def _where(usr: tuple[str, ...], one: Provider) -> Provider:
    return structs.replace(one, when={**one.when, "usr": usr})
