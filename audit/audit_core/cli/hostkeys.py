"""`dengbao hostkeys`: unknown host keys are shown for review and written after confirmation."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from audit_core.cli.context import Context, resolved
from audit_core.cli.output import note, print_json, say
from audit_core.cli.parser import NOT_IN_FULL
from audit_core.connectors.routes import Routes
from audit_core.model import Peer, PeerState, Target, msg
from audit_core.model.errors import StoreError
from audit_core.text.system_errors import os_error
from audit_core.views.cli_views import HostKeyRow

_WORDS = {
    PeerState.KNOWN: msg("known"),
    PeerState.UNKNOWN: msg("unknown"),
    PeerState.CHANGED: msg("CHANGED, never accepted"),
    PeerState.UNREACHABLE: msg("unreachable"),
    PeerState.WAITS: msg("waits"),
}


def hostkeys(context: Context) -> int:
    """Shows the keys that servers present, writes unknown ones; 4 where some are not known then."""
    inventory = resolved(context.inventory())
    rows = _asked(context, context.routes(inventory), context.only(inventory.targets))
    if context.args.format == "json":
        print_json([_row(context, peer, done) for peer, done in rows])
    elif not rows:
        say(context.text("No target of the inventory has a host key"))
    fine = all(peer.state is PeerState.KNOWN or done for peer, done in rows)
    return 0 if fine else NOT_IN_FULL


def _asked(context: Context, routes: Routes, waiting: Sequence[Target]) -> list[tuple[Peer, bool]]:
    """The peers in the order in which they were shown, each with whether its key was written."""
    rows: list[tuple[Peer, bool]] = []
    while waiting:
        peers = list(routes.peers(waiting))
        written = _reviewed(context, peers)
        # Who waits for a host whose key is known now can be asked.
        later = [p for p in peers if p.state is PeerState.WAITS] if written else []
        rows += [(p, p in written) for p in peers if p not in later]
        waits = {id for p in later for id in p.targets}
        waiting = [t for t in waiting if t.id in waits]
    return rows


def _reviewed(context: Context, peers: Sequence[Peer]) -> list[Peer]:
    """The peers whose keys were written, after they were shown and confirmed."""
    if context.args.format != "json":
        for peer in peers:
            _show(context, peer)
    unknown = [peer for peer in peers if peer.state is PeerState.UNKNOWN]
    if not unknown or not _confirmed(context, unknown):
        return []
    for file in dict.fromkeys(peer.file for peer in unknown):
        lines = dict.fromkeys(peer.line for peer in unknown if peer.file == file)
        _append(Path(file).expanduser(), lines)
        note(context.text("{file}: keys written: {count}", file=file, count=len(lines)))
    return unknown


def _show(context: Context, peer: Peer) -> None:
    translate = context.translator.say
    key = f"{peer.kind} {peer.bits} {peer.fingerprint}" if peer.fingerprint else ""
    state = translate(_WORDS[peer.state])
    say("  ".join(filter(None, (", ".join(peer.targets[:5]), peer.place, key, state))))
    for detail in (peer.detail, peer.remedy):
        if detail is not None:
            say(f"    {translate(detail)}")


def _confirmed(context: Context, unknown: Sequence[Peer]) -> bool:
    if context.args.yes:
        return True
    text = context.text
    if context.args.format == "json" or not sys.stdin.isatty():
        note(text("Nothing was written: compare the fingerprints, then write the keys with --yes"))
        return False
    say(
        text(
            "Compare these fingerprints with those that each host shows by: {command}",
            command="ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub",
        )
    )
    files = ", ".join(dict.fromkeys(peer.file for peer in unknown))
    question = text("Write {count} keys to {files}? Type yes:", count=len(unknown), files=files)
    print(question, end=" ", flush=True)
    return sys.stdin.readline().strip().lower() == "yes"


def _append(path: Path, lines: Iterable[str]) -> None:
    """Writes `lines` at the end of the file, which is made where there is none."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with open(file, "r+b", buffering=0) as out:
            size = os.fstat(file).st_size
            whole = size == 0 or os.pread(file, 1, size - 1) == b"\n"
            text = "".join(f"{line}\n" for line in lines)
            out.write(("" if whole else "\n").encode() + text.encode())
    except OSError as error:
        detail = msg("{path}: cannot be written: {error}", path=str(path), error=os_error(error))
        raise StoreError(detail) from error


def _row(context: Context, peer: Peer, written: bool) -> HostKeyRow:
    detail = "" if peer.detail is None else context.translator.say(peer.detail)
    return HostKeyRow(
        targets=peer.targets, place=peer.place, state=peer.state.value, type=peer.kind,
        bits=peer.bits, fingerprint=peer.fingerprint, file=peer.file, written=written,
        detail=detail,
    )  # fmt: skip
