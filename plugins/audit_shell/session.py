"""Requests to a shell: all that are asked at once are one script."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from msgspec import structs

from audit_core.connectors import now
from audit_core.connectors.asking import seconds
from audit_core.model import (
    Closing,
    Command,
    ConnectError,
    Message,
    Permission,
    Reason,
    Reply,
    Request,
    SessionInfo,
    Status,
    msg,
)
from audit_shell import batch
from audit_shell.key_exchange import SshKeyExchange
from audit_shell.no_shell import A_SHELL, not_run
from audit_shell.scripts import Ended, ScriptReply, ScriptSession

_STREAM_LIMIT = 64 << 20
_FRAME_ROOM = 512
_TRIAL_S = 120.0
_SIDE_BY_SIDE = 8  # scripts where sudo is slow; sshd opens ten channels (MaxSessions)
_LEAST_S = 20.0
_WHO = Command(argv=("/usr/bin/id", "-u"))


class ShellSession(Closing):
    """A session that asks over `scripts`; as root by sudo where `sudo` says so."""

    def __init__(self, scripts: ScriptSession, *, sudo: bool) -> None:
        self._scripts = scripts
        self._sudo = sudo
        self.info: SessionInfo = scripts.info

    def ask(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """The replies to all `requests`, from one script, and to what no script can tell.

        ConnectError where the login runs no script at all.
        """
        if asked := [r for r in requests if isinstance(r, batch.ShellRequest)]:
            yield from self._ask(asked)
        for request in requests:
            if isinstance(request, SshKeyExchange):
                yield self.key_exchange(request)

    def key_exchange(self, request: SshKeyExchange) -> Reply:
        """What the SSH server shows; NOT_PRESENT, because this session is over none."""
        detail = msg("This host is not asked over SSH")
        return Reply(request=request, status=Status.NOT_PRESENT, detail=detail)

    def _ask(self, asked: Sequence[batch.ShellRequest]) -> Iterator[Reply]:
        started, begun, all_s = now(), time.monotonic(), seconds(asked)
        script_reply, got = self._run(asked, all_s, _limit(asked))
        replies = dict(zip(asked, got.replies, strict=True))
        if got.slow_s is not None:
            self._ask_side_by_side(replies, begun + all_s)
        ended = now()
        for request, reply in replies.items():
            raw = reply or batch.ScriptResponse(
                status=_cut(script_reply), detail=_broke(script_reply)
            )
            if reply is None and got.slow_s is not None:
                raw = batch.ScriptResponse(
                    status=Status.TIMED_OUT,
                    detail=msg("sudo takes {seconds} s for each command on this host",
                               seconds=got.slow_s),
                )  # fmt: skip
            yield Reply(
                request=request, status=raw.status, exit_code=raw.exit_code, stdout=raw.stdout,
                stderr=raw.stderr, truncated=raw.truncated, detail=raw.detail, files=raw.files,
                started=started, ended=ended,
            )  # fmt: skip

    def _ask_side_by_side(
        self, replies: dict[batch.ShellRequest, batch.ScriptResponse | None], until: float
    ) -> None:
        """Puts what `replies` lack in several scripts at once, so that they wait for sudo together.

        Where the server opens no more channels, what is left is asked by one script. All of it ends
        at `until`.
        """
        for count in (_SIDE_BY_SIDE, 1):
            left = [request for request, reply in replies.items() if reply is None]
            left_s = until - time.monotonic()
            if not left or left_s < _LEAST_S:
                return
            parts = [part for n in range(count) if (part := left[n::count])]
            with ThreadPoolExecutor(len(parts)) as pool:
                for found in pool.map(partial(self._part, deadline_s=left_s), parts):
                    replies.update(found)

    def _part(
        self, asked: Sequence[batch.ShellRequest], *, deadline_s: float
    ) -> dict[batch.ShellRequest, batch.ScriptResponse | None]:
        try:
            _, got = self._run(asked, deadline_s, _limit(asked), watch=False)
        except Exception:  # noqa: BLE001 (no channel: asked later, or sudo is reported as too slow)
            return {}
        return dict(zip(asked, got.replies, strict=True))

    def _run(
        self, asked: Sequence[batch.ShellRequest], deadline_s: float, limit: int, *,
        watch: bool = True,
    ) -> tuple[ScriptReply, batch.Unframed]:  # fmt: skip
        nonce = secrets.token_hex(16)
        script = batch.render(asked, nonce, sudo=self._sudo, watch=watch)
        reply = self._scripts.run(script, deadline_s=deadline_s, limit=limit)
        got = batch.unframe(asked, nonce, reply.stdout, reply.stderr, cut=_cut(reply))
        if got.header is None:
            reason, detail = not_run(reply, deadline_s, limit)
            raise ConnectError(reason, detail, remedy=A_SHELL)
        self.info = structs.replace(self.info, uid=got.header.uid)
        return reply, got

    def permitted(self, requests: Sequence[Request]) -> Permission:
        """How many of the commands that need root sudo would run."""
        shell = (r for r in requests if isinstance(r, batch.ShellRequest))
        argvs = sorted({argv for request in shell for argv in batch.root_argvs(request)})
        # sudo -l CMD only says whether CMD would be allowed; nothing of it runs.
        trial = [
            Command(argv=("/usr/bin/sudo", "-n", "-l", "--", *argv), ok=(0, 1)) for argv in argvs
        ]
        _, got = self._run([_WHO, *trial], _TRIAL_S, 4 << 20)
        if got.header is None:
            raise ConnectError(Reason.UNPARSABLE, msg("no answer to a trial script"))
        if got.header.uid == 0:
            return Permission(detail=msg("root, so every request is allowed"))
        if not argvs:
            return Permission(detail=msg("nothing that is asked needs root"))
        if not (got.header.sudo and self._sudo):
            detail = msg("no sudo: requests that need root will not be answered")
            return Permission(detail=detail, limited=True)
        allowed = sum(1 for r in got.replies[1:] if r is not None and r.exit_code == 0)
        detail = msg(
            "sudo allows {allowed} of {count} commands that need root",
            allowed=allowed, count=len(argvs),
        )  # fmt: skip
        return Permission(detail=detail, limited=allowed == 0)

    def close(self) -> None:
        """Ends the session. May be called twice."""
        self._scripts.close()


def _cut(reply: ScriptReply) -> Status:
    return Status.TIMED_OUT if reply.ended is Ended.DEADLINE else Status.NO_REPLY


def _broke(reply: ScriptReply) -> Message:
    return reply.detail or msg("the script ended before it was asked")


def _limit(requests: Sequence[batch.ShellRequest]) -> int:
    return min(_STREAM_LIMIT, sum(batch.stream_room(r) + _FRAME_ROOM for r in requests) + (1 << 20))
