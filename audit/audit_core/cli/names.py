"""Codes and columns as words, for tables. JSON output keeps the codes."""

from __future__ import annotations

from audit_core.model import Message, msg

CODES: dict[str, Message] = {
    # severities
    "low": msg("low"),
    "medium": msg("medium"),
    "high": msg("high"),
    # why something is undetermined
    "not_present": msg("not_present"),
    "not_permitted": msg("not_permitted"),
    "unreachable": msg("unreachable"),
    "timed_out": msg("timed_out"),
    "truncated": msg("truncated"),
    "unparsable": msg("unparsable"),
    "not_collected": msg("not_collected"),
    "unsupported": msg("unsupported"),
    "fault": msg("fault"),
    "inconclusive": msg("inconclusive"),
    "incomplete": msg("incomplete"),
    "answered": msg("answered"),
    # verdicts
    "pass": msg("pass"),
    "fail": msg("fail"),
    "not_applicable": msg("not_applicable"),
    "undetermined": msg("undetermined"),
    # how far a run came
    "complete": msg("complete"),
    "not_in_full": msg("not_in_full"),
    "not_evaluated": msg("not_evaluated"),
    "cut_off": msg("cut_off"),
    # how far a target was reached
    "reached": msg("reached"),
    "partly_answered": msg("partly_answered"),
    "not_reached": msg("not_reached"),
    "nothing_asked": msg("nothing_asked"),
    # what a check decides of a step
    "settles": msg("settles"),
    "can_deny": msg("can_deny"),
    "supports": msg("supports"),
    # how a step is assessed
    "interview": msg("interview"),
    "examine": msg("examine"),
    "test": msg("test"),
    # what became of an answer
    "expired": msg("expired"),
    "superseded": msg("superseded"),
    "unjudged": msg("unjudged"),
    "contradicted": msg("contradicted"),
    # requests and their rights
    "network": msg("network"),
    "user": msg("user"),
    "collector": msg("collector"),
    # states of what doctor looks at
    "ok": msg("ok"),
    "missing": msg("missing"),
    "limited": msg("limited"),
    "out of reach": msg("out of reach"),
}

COLUMNS: dict[str, Message] = {
    "access": msg("access"),
    "address": msg("address"),
    "catalog": msg("catalog"),
    "check": msg("check"),
    "checks": msg("checks"),
    "clause": msg("clause"),
    "clauses": msg("clauses"),
    "confidence": msg("confidence"),
    "edition": msg("edition"),
    "exporters": msg("exporters"),
    "extends": msg("extends"),
    "facts": msg("facts"),
    "fault": msg("fault"),
    "gist": msg("gist"),
    "id": msg("id"),
    "kind": msg("kind"),
    "name": msg("name"),
    "object_type": msg("object_type"),
    "connectors": msg("connectors"),
    "profile": msg("profile"),
    "severity": msg("severity"),
    "started": msg("started"),
    "status": msg("status"),
    "targets": msg("targets"),
    "title": msg("title"),
    "unit": msg("unit"),
    "version": msg("version"),
}
