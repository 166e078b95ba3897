"""What a parser or check looks at of what differs from host to host. PURE.

Each gets stand-ins for its answers or its target. A field that belongs to one host is behind a
property that tells when it is read; what stands there for everything else (comparing, encoding) is
not the answer of the host. A result that such a field has part in differs, or the field was read.
"""

from __future__ import annotations

from typing import Any

from msgspec import structs

from audit_core.model import Answer, FileEntry, Target

_NOBODY = Target(id="", kind="", object_type="")
_LATER = 86_400.0


class ReadFields:
    """The names of the fields that were read."""

    def __init__(self) -> None:
        self.at: set[str] = set()


class _File(FileEntry, frozen=True, kw_only=True):
    looks: ReadFields

    @property  # type: ignore[misc]
    def modified(self) -> float:
        self.looks.at.add("modified")
        real: float = FileEntry.modified.__get__(self)  # type: ignore[attr-defined]
        return real - _LATER


class _Answer(Answer, frozen=True, kw_only=True):
    looks: ReadFields
    real: Answer

    @property  # type: ignore[misc]
    def target(self) -> Target:
        self.looks.at.add("target")
        return self.real.target

    @property  # type: ignore[misc]
    def collected_at(self) -> str:
        self.looks.at.add("collected_at")
        return self.real.collected_at


class _FilesAnswer(_Answer, frozen=True, kw_only=True):
    """The times of files stand in the bytes, too."""

    @property  # type: ignore[misc]
    def stdout(self) -> bytes:
        self.looks.at.add("stdout")
        return self.real.stdout

    @property
    def files(self) -> tuple[FileEntry, ...]:
        return tuple(self._file(entry) for entry in self.real.files)

    def _file(self, entry: FileEntry) -> FileEntry:
        fields = {name: getattr(entry, name) for name in FileEntry.__struct_fields__}
        return _File(**fields | {"modified": entry.modified + _LATER}, looks=self.looks)


class _Target(Target, frozen=True, kw_only=True):
    looks: ReadFields
    real: Target

    @property  # type: ignore[misc]
    def id(self) -> str:
        self.looks.at.add("id")
        return self.real.id

    @property  # type: ignore[misc]
    def address(self) -> str | None:
        self.looks.at.add("address")
        return self.real.address

    @property  # type: ignore[misc]
    def host_name(self) -> str | None:
        self.looks.at.add("host_name")
        return self.real.host_name


def shared_part(target: Target) -> Target:
    """All of `target` that a check may look at without telling it from other targets."""
    return structs.replace(target, id="", address=None, host_name=None)


def watched_answer(real: Answer, looks: ReadFields, has_times: bool) -> Answer:
    """A stand-in for `real`; one that `has_times` tells also where its times can be read."""
    type_ = _FilesAnswer if has_times else _Answer
    return type_(
        stdout=b"" if has_times else real.stdout, stderr=real.stderr, exit_code=real.exit_code,
        truncated=real.truncated, collected_at="", target=_NOBODY, looks=looks, real=real,
    )  # fmt: skip


def watched_target(real: Target, looks: ReadFields) -> Target:
    """A target equal to `real` that notes in `looks` what is read of it."""
    fields = {name: getattr(shared_part(real), name) for name in Target.__struct_fields__}
    return _Target(**fields, looks=looks, real=real)


def watched_inputs(values: tuple[Any, ...], looks: ReadFields | None) -> tuple[Any, ...]:
    """`values` with stand-ins for targets where there are `looks`."""
    if looks is None:
        return values
    return tuple(watched_target(v, looks) if isinstance(v, Target) else v for v in values)
