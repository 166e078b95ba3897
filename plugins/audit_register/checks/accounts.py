"""Accounts of hosts and databases compared with the register of staff: whose they are.

An account in the register is a name that counts on every target, or `target:name`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any

from msgspec import Struct

from audit_core.api.sdk import (
    COLLECTED_AT,
    TARGET,
    Check,
    Judgement,
    Message,
    Others,
    Severity,
    Subset,
    Target,
    capped,
    check,
    failed,
    few,
    msg,
    not_applicable,
    passed,
    undetermined,
)
from audit_register.checks.upkeep import STAFF_REGISTER, Staff, staff_of
from audit_register.facts import Row
from audit_register.rules import SHOWN, date_of, day_of, judged

_NO_STAFF = not_applicable(msg("No register of staff is declared"))
_UNREAD = undetermined(msg("A register of staff could not be read"))
_EVERYTHING = frozenset({"all", "全部"})


class _Source(Struct, frozen=True, kw_only=True):
    """Where accounts are: the kind of target, its facts, and what is no account of a person.

    `any_case`: the server takes a name in capitals and in small letters for the same.
    """

    kind: str
    prefix: str
    logins: str
    mighty: str
    services: frozenset[str]
    any_case: bool = False
    version: int = 1

    def account(self, name: str) -> str:
        """`name` as the accounts of the server are compared."""
        return name.upper() if self.any_case else name

    def of_people(self, names: Iterable[str], services: Iterable[str]) -> list[str]:
        """Those of `names` that are not `services`."""
        others = {self.account(name) for name in services}
        return [name for name in names if self.account(name) not in others]


_HOST = _Source(
    kind="host", prefix="register.", logins="linux.login-accounts", mighty="linux.administrators",
    services=frozenset({"root"}), version=2,
)  # fmt: skip


def _database(kind: str, *services: str, any_case: bool = False) -> _Source:
    fact = f"{kind}.login-accounts"
    return _Source(
        kind=kind, prefix=f"register.{kind}-", logins=fact, mighty=fact,
        services=frozenset(services), any_case=any_case,
    )  # fmt: skip


# what the servers themselves bring
SOURCES = (
    _HOST,
    _database("postgresql", "postgres"),
    _database("mysql", "root", "mysql", "mariadb.sys", "mysql.sys", "mysql.session",
              "mysql.infoschema"),
    _database("redis", "default"),
    _database("oracle", "SYS", "SYSTEM", any_case=True),
    _database("sqlserver", "sa", "NT AUTHORITY\\SYSTEM", "NT SERVICE\\MSSQLSERVER",
              "NT SERVICE\\SQLSERVERAGENT", "NT SERVICE\\SQLWriter", "NT SERVICE\\Winmgmt",
              "##MS_PolicyEventProcessingLogin##", "##MS_PolicyTsqlExecutionLogin##",
              any_case=True),
    _database("dameng", "SYSDBA", "SYSAUDITOR", "SYSSSO", "SYSDBO", any_case=True),
)  # fmt: skip


def _names(accounts: Iterable[Any]) -> tuple[str, ...]:
    """The names of accounts, of hosts (a text each) or of databases."""
    return tuple(a if isinstance(a, str) else a.name for a in accounts)


def _powers(accounts: Iterable[Any]) -> dict[str, tuple[str, ...]]:
    """What each account may do that only administrators may; on hosts all that are given may."""
    return {
        name: powers
        for account in accounts
        for name, powers in (
            [(account, ("root",))] if isinstance(account, str) else [(account.name, account.powers)]
        )
        if powers
    }


class _Owners:
    """Who has each account on `target`, by the register."""

    def __init__(self, source: _Source, staff: Staff, target: Target) -> None:
        self._source = source
        self._rows = _owners(source, staff, target)

    def of(self, name: str) -> list[Row]:
        """The rows of those who have the account `name`."""
        return self._rows.get(self._source.account(name), [])


def _owners(source: _Source, staff: Staff, target: Target) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in staff.rows:
        for name in dict.fromkeys(map(source.account, _held(row, target))):
            found.setdefault(name, []).append(row)
    return found


def _held(row: Row, target: Target) -> Iterator[str]:
    """The accounts of a person on `target`; one may be there by its name and by `target:name`."""
    for entry in row["accounts"] or ():
        place, colon, name = entry.rpartition(":")
        if not colon or _is_on(place, target):
            yield name


def _is_on(place: str, target: Target) -> bool:
    """Whether `target` is `place`, a part of it, or belongs to that system."""
    here = (target.id == place, target.id.startswith(f"{place}/"), target.business_system == place)
    return any(here)


def _left(row: Row, now: str) -> bool:
    left = date_of(row, "left")
    return left is not None and left < day_of(now)


def _leavers(source: _Source, id: str) -> Check:
    @check(
        id, needs=(TARGET, source.logins, STAFF_REGISTER, COLLECTED_AT), kind=source.kind,
        severity=Severity.HIGH, version=source.version,
        remedy=msg("Disable the accounts of people who have left"),
    )  # fmt: skip
    def leavers(target: Target, accounts: Any, registers: Others, now: str) -> Judgement:
        """Nobody who has left has an account that can be logged in to."""
        staff = staff_of(registers)
        if not registers:
            return _NO_STAFF
        if staff is None:
            return _UNREAD
        owners = _Owners(source, staff, target)
        wrong = [
            msg("{account} belongs to {number}, who left on {date}", account=name,
                number=str(row["staff_no"]), date=str(row["left"]))
            for name in _names(accounts)
            for row in owners.of(name)
            if _left(row, now)
        ]  # fmt: skip
        none = msg("{count} accounts can be logged in to, none of somebody who left",
                   count=len(accounts))  # fmt: skip
        return judged(wrong, none)

    return leavers


def _owned(source: _Source, id: str) -> Check:
    @check(
        id, needs=(TARGET, source.logins, STAFF_REGISTER), kind=source.kind,
        severity=Severity.MEDIUM, version=source.version + 1,
        remedy=msg("Enter each account in the register of staff, or remove it"),
    )  # fmt: skip
    def owned(
        target: Target,
        accounts: Any,
        registers: Others,
        *,
        services: Annotated[frozenset[str], Subset] = source.services,
    ) -> Judgement:
        """Each account that can be logged in to belongs to one person in the register of staff."""
        staff = staff_of(registers)
        if not registers:
            return _NO_STAFF
        if staff is None:
            return _UNREAD
        owners = _Owners(source, staff, target)
        concerned = source.of_people(_names(accounts), services)
        wrong = [text for name in concerned if (text := _unowned(name, owners.of(name)))]
        return judged(wrong, msg("{count} accounts, each with an owner", count=len(concerned)))

    return owned


def _unowned(name: str, rows: list[Row]) -> Message | None:
    if not rows:
        return msg("{account} has no owner in the register of staff", account=name)
    numbers = tuple(dict.fromkeys(str(row["staff_no"]) for row in rows))
    return msg("{account} is shared by {numbers}", account=name, numbers=numbers) \
        if len(numbers) > 1 else None  # fmt: skip


def _within(source: _Source, id: str) -> Check:
    @check(
        id, needs=(TARGET, source.mighty, STAFF_REGISTER), kind=source.kind,
        severity=Severity.HIGH,
        remedy=msg("Take the rights away, or enter in the register what the person administers"),
    )  # fmt: skip
    def within(
        target: Target,
        accounts: Any,
        registers: Others,
        *,
        services: Annotated[frozenset[str], Subset] = source.services,
    ) -> Judgement:
        """Rights of administrators are held by people who administer the target by the register."""
        staff = staff_of(registers)
        if not registers:
            return _NO_STAFF
        if staff is None:
            return _UNREAD
        owners = _Owners(source, staff, target)
        powers = _powers(accounts)
        held = {name: powers[name] for name in source.of_people(powers, services)}
        wrong, open_ = _beyond(held, owners, target)
        if wrong:
            return failed(*few(wrong, SHOWN))
        if open_:
            return undetermined(*few(open_, SHOWN))
        return passed(msg("{count} accounts of administrators, all as the register has them",
                          count=len(held)))  # fmt: skip

    return within


def _beyond(
    held: dict[str, tuple[str, ...]], owners: _Owners, target: Target
) -> tuple[list[Message], list[Message]]:
    """Which accounts exceed what the register says, and of which it says nothing."""
    wrong, open_ = [], []
    for name, powers in held.items():
        rows = owners.of(name)
        if not rows or any("administers" not in row.cells for row in rows):
            open_.append(msg("{account} has {rights}; what its owner administers is not in the "
                             "register of staff", account=name, rights=capped(powers)))  # fmt: skip
        wrong += [
            msg("{account} of {number} has {rights}, but {number} does not administer {target} "
                "by the register", account=name, number=str(row["staff_no"]),
                rights=capped(powers), target=target.id)
            for row in rows
            if "administers" in row.cells and not _administers(row, target)
        ]  # fmt: skip
    return wrong, open_


def _administers(row: Row, target: Target) -> bool:
    places = [str(place) for place in row["administers"] or ()]
    return any(place.casefold() in _EVERYTHING or _is_on(place, target) for place in places)


_MADE: tuple[tuple[Callable[[_Source, str], Check], str, str], ...] = (
    (_leavers, "leavers-have-no-account", "leavers"),
    (_owned, "accounts-have-owner", "owners"),
    (_within, "rights-within-post", "rights"),
)


def _checks() -> Iterator[Check]:
    for source in SOURCES:
        for make, of_host, short in _MADE:
            yield make(source, source.prefix + (of_host if source is _HOST else short))


CHECKS = tuple(_checks())
