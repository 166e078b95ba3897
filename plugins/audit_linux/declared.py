"""The settings of a host in the inventory that the checks of this plugin use."""

from __future__ import annotations

from audit_core.api.sdk import Target


def declared(target: Target, name: str) -> tuple[str, ...] | None:
    """What the inventory lists for `target` under `name`; None when it does not declare it.

    Raises TypeError for anything but a list of text or numbers: the engine reports the fault.
    """
    value = target.settings.get(name)
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise TypeError(f"settings.{name} of target {target.id} must be a list")
    return tuple(str(item) for item in value)
