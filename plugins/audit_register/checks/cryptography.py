"""Cryptography in use, by the layers of GB/T 39786, and what endpoints show of it."""

from __future__ import annotations

import re
from typing import Annotated, Any

from audit_core.api.sdk import (
    COLLECTED_AT,
    Absent,
    Judgement,
    Known,
    Message,
    Others,
    Severity,
    Target,
    Up,
    Verdict,
    check,
    complete,
    each,
    few,
    msg,
    not_applicable,
    passed,
    undetermined,
)
from audit_register.columns import same
from audit_register.facts import BY_REGISTER, Row, Table
from audit_register.rules import SHOWN, date_of, day_of, each_row, judged, unrecorded

CRYPTOGRAPHY = BY_REGISTER["cryptography"]
_LAYERS = {
    "physical": msg("physical environment"), "network": msg("network and communication"),
    "device": msg("devices and computing"), "application": msg("applications and data"),
}  # fmt: skip
_NATIONAL = re.compile(r"SM[1-9]|ZUC|TLCP")
_INSECURE = re.compile(r"MD[245]|SHA-?1|3?DES|TDEA|RC[24]|RSA-?(512|768|1024)|SSL.*|DSA-?1024")


def _named(row: Row) -> tuple[str, ...]:
    return tuple(str(one).upper().replace("_", "-") for one in row["algorithms"] or ())


def _national(row: Row) -> bool:
    return any(_NATIONAL.match(name) for name in _named(row))


@check(
    "register.cryptography-layers",
    needs=complete(CRYPTOGRAPHY),
    severity=Severity.MEDIUM,
    remedy=msg("Replace insecure algorithms; use SM algorithms in each of the four layers"),
)
def layers(table: Table) -> Judgement:
    """In each layer of GB/T 39786 cryptography is in use, by SM algorithms and no insecure one."""

    def insecure(row: Row) -> Message | None:
        bad = tuple(name for name in _named(row) if _INSECURE.fullmatch(name))
        return msg("insecure algorithms: {names}", names=bad) if bad else None

    wrong = each_row(table, table.rows, insecure)
    shown = tuple(
        msg("{layer}: {algorithms}", layer=word, algorithms=_of_layer(table, layer))
        for layer, word in _LAYERS.items()
    )
    summary = msg("Algorithms by layer: {layers}", layers=shown)
    if wrong:
        return judged(wrong, summary)
    there = {str(row["layer"]) for row in table.rows}
    lacking = tuple(word for layer, word in _LAYERS.items() if layer not in there)
    if lacking:
        return unrecorded(msg("No cryptography is recorded for: {layers}", layers=lacking))
    foreign = [row for row in table.rows if not _national(row)]
    if foreign:
        texts = each_row(table, foreign, lambda row: msg("no SM algorithm: {names}",
                                                         names=_named(row)))  # fmt: skip
        return undetermined(*few(texts, SHOWN), summary)
    return passed(summary)


def _of_layer(table: Table, layer: str) -> tuple[str, ...]:
    rows = (row for row in table.rows if row["layer"] == layer)
    return tuple(dict.fromkeys(name for row in rows for name in _named(row))) or ("-",)


@check(
    "register.cryptography-certified",
    needs=(CRYPTOGRAPHY, COLLECTED_AT),
    severity=Severity.MEDIUM,
    remedy=msg("Use certified products, and renew certificates that ended"),
)
def certified(table: Table, now: str, *, min_level: Annotated[int, Up] = 2) -> Judgement:
    """Products have certificates in force, modules level 2 (GB/T 37092, recalled) or more."""
    today = day_of(now)

    def wrong(row: Row) -> Message | None:
        until = date_of(row, "valid_until")
        if row["certificate"] is None or until is None:
            return msg("no certificate with its last day is recorded")
        if until < today:
            return msg("the certificate ended on {date}", date=until.isoformat())
        level = row["module_level"]
        if level is not None and level < min_level:
            return msg("level {level} of the module", level=f"{level:g}")
        return None

    if not table.rows:
        return unrecorded(msg("No product is in the register"))
    expected = msg("certificates in force, modules of level {level} or more", level=min_level)
    found = judged(
        each_row(table, table.rows, wrong),
        msg("{count} products, all certified", count=len(table.rows)),
        expected,
    )
    unknown = [row for row in table.rows if row["module_level"] is None]
    if found.verdict is Verdict.FAIL or not unknown:
        return found
    texts = each_row(table, unknown, lambda row: msg("the level of the module is not recorded"))
    return undetermined(*few(texts, SHOWN), expected=expected)


@check(
    "register.cryptography-observed",
    needs=(CRYPTOGRAPHY, each("endpoint", "tls.endpoint")),
    kind="cryptography_register",
    severity=Severity.MEDIUM,
    remedy=msg("Switch TLCP on where the register has it, or correct the register"),
)
def observed(table: Table, endpoints: Others) -> Judgement:
    """Endpoints that the register says to use SM algorithms accept TLCP (GB/T 38636)."""
    rows = [row for row in table.rows if row["endpoint"] and _national(row)]
    if not rows:
        return not_applicable(msg("No endpoint with SM algorithms is in the register"))
    by_id = {same(target.id): (target, got) for target, got in endpoints}
    texts = [_speaks(row, by_id.get(same(str(row["endpoint"])))) for row in rows]
    wrong = [text for speaks, text in texts if speaks is False]
    open_ = [text for speaks, text in texts if speaks is None]
    if wrong or not open_:
        return judged(wrong, msg("{count} endpoints, all accept TLCP", count=len(rows)))
    return undetermined(*few(open_, SHOWN))


def _speaks(row: Row, found: tuple[Target, Known | Absent] | None) -> tuple[bool | None, Message]:
    """Whether an endpoint accepts TLCP; None where that is not known."""
    name = str(row["endpoint"])
    if found is None:
        return False, msg("{endpoint} is not in the inventory", endpoint=name)
    if not isinstance(found[1], Known):
        return None, msg("{endpoint} was not examined", endpoint=name)
    support = {str(v.name): str(v.support) for v in _versions(found[1].value)}.get("TLCP 1.1")
    if support == "yes":
        return True, msg("{endpoint} accepts TLCP", endpoint=name)
    if support == "no":
        return False, msg("{endpoint} does not accept TLCP", endpoint=name)
    return None, msg("whether {endpoint} accepts TLCP is not known", endpoint=name)


def _versions(endpoint: Any) -> tuple[Any, ...]:
    return tuple(endpoint.versions)


CHECKS = (layers, certified, observed)
