"""The declared settings of a backup set. Wrong values are reported, never guessed."""

from __future__ import annotations

import math
import posixpath
from datetime import date

from audit_core.api.sdk import Message, Target, msg

_DEPTHS = range(1, 6)
_PSEUDO = ("/proc", "/sys", "/dev")


def _plain(text: object) -> bool:
    """Whether `text` is a text without control characters and lone surrogates."""
    return isinstance(text, str) and bool(text) and text.isprintable()


def folder(target: Target) -> str | Message:
    """The declared folder, absolute and without `..`, with a slash at its end."""
    path = target.settings.get("path")
    if path is None:
        return msg("Declare `path`, the absolute path of the backup directory")
    if not isinstance(path, str) or not _plain(path) or not path.startswith("/"):
        return msg("`path` has to be an absolute path without control characters")
    clean = "/" + posixpath.normpath(path).lstrip("/")
    if ".." in path.split("/") or clean == "/" or clean.startswith(_PSEUDO):
        return msg("`path` may not be /, hold .. or lie in /proc, /sys or /dev: {path}", path=path)
    return clean + "/"


def pattern(target: Target) -> str | Message:
    """The declared glob for file names; every name where none is declared."""
    text = target.settings.get("pattern", "*")
    if not isinstance(text, str) or not _plain(text) or "/" in text:
        return msg("`pattern` has to be a glob for file names, without / and control characters")
    return text


def depth(target: Target) -> int | Message:
    """How many levels below the folder files are looked for: 1 to 5."""
    value = target.settings.get("depth", 1)
    if type(value) is not int or value not in _DEPTHS:
        return msg("`depth` has to be a whole number from 1 to 5")
    return value


def as_root(target: Target) -> bool | Message:
    """Whether the set is declared to be readable by root only (`privilege: root`)."""
    value = target.settings.get("privilege", "user")
    if value not in ("user", "root"):
        return msg("`privilege` has to be user or root")
    return bool(value == "root")


def rpo_hours(target: Target) -> float | Message:
    """The declared recovery point objective in hours; a message where it is not usable."""
    value = target.settings.get("rpo_hours")
    if value is None:
        return msg("Declare `rpo_hours`, the recovery point objective of this backup set in hours")
    if type(value) not in (int, float) or not math.isfinite(value) or value <= 0:
        return msg("`rpo_hours` has to be a number above 0")
    return float(value)


def known_hours(target: Target) -> float | None:
    """The declared objective, None where none is declared that can be read."""
    rpo = rpo_hours(target)
    return None if isinstance(rpo, Message) else rpo


def copies(target: Target) -> int | Message:
    """How many generations are declared to be kept at least."""
    value = target.settings.get("copies")
    if value is None:
        return msg("Declare `copies`, how many generations of this backup set are kept at least")
    if type(value) is not int or value < 1:
        return msg("`copies` has to be a whole number from 1")
    return value


def min_bytes(target: Target) -> int | Message | None:
    """The declared smallest plausible size of a backup; None where none is declared."""
    value = target.settings.get("min_bytes")
    if value is not None and (type(value) is not int or value < 1):
        return msg("`min_bytes` has to be a whole number from 1")
    return value


def encrypted(target: Target) -> bool | Message | None:
    """Whether the files are declared to be encrypted; None where nothing is declared."""
    value = target.settings.get("encrypted")
    if value is not None and not isinstance(value, bool):
        return msg("`encrypted` has to be true or false")
    return value


def offsite(target: Target) -> str | bool | Message | None:
    """Where the off-site copy is declared to be, or whether there is one."""
    value = target.settings.get("offsite")
    if value is None or isinstance(value, bool):
        return value
    if not isinstance(value, str) or not value.strip():
        return msg("`offsite` has to be true, false or the place of the off-site copy")
    return value


def restore_tested(target: Target) -> date | Message:
    """On what day a restore is declared to have been tested."""
    value = target.settings.get("restore_tested")
    if value is None:
        return msg("Declare `restore_tested`, the day of the last restore test (YYYY-MM-DD)")
    try:
        return date.fromisoformat(str(value)[:10] if isinstance(value, date) else str(value))
    except ValueError:
        return msg("`restore_tested` has to be a day, YYYY-MM-DD")
