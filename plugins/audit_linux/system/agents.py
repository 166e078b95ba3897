"""Agents of security products, known by the names of their processes."""

from __future__ import annotations

from audit_core.api.sdk import (
    capped,
    failed,
    msg,
    passed,
    undetermined,
)
from audit_core.model import Judgement, Target
from audit_linux.declared import declared
from audit_linux.processes import Process, process_labels, running


def _products(target: Target, known: dict[str, str], setting: str) -> dict[str, str]:
    """The products by the names of their processes: known ones, and those that are declared."""
    mine = {name: name for name in declared(target, setting) or ()}
    return {name[:15]: product for name, product in (known | mine).items()}


def agents(
    target: Target, processes: tuple[Process, ...], known: dict[str, str], setting: str
) -> tuple[Process, ...]:
    """The processes with the name of a known or declared agent that run under a system account."""
    return running(processes, _products(target, known, setting))


def judged(
    target: Target, processes: tuple[Process, ...], known: dict[str, str], setting: str
) -> Judgement:
    """PASS when an agent is seen, with its name and owner; FAIL when no process is one."""
    products = _products(target, known, setting)
    expected = msg("a known agent, or one declared in {setting}, running under a system account",
                   setting=setting)  # fmt: skip
    if seen := running(processes, products):
        names = capped({products[p.name] for p in seen})
        detail = msg("Found by process name: {processes}; products: {products}",
                   processes=capped(process_labels(seen)), products=names)  # fmt: skip
        return passed(detail, expected=expected)
    if named := [p for p in processes if p.name in products]:
        detail = msg("Only in a container or under a person's account: {processes}",
                   processes=capped(process_labels(named)))  # fmt: skip
        return undetermined(detail, expected=expected)
    detail = msg("None of {count} processes has the name of a known or declared agent",
               count=len(processes))  # fmt: skip
    return failed(detail, expected=expected)
