"""Runs the rounds of a plan over transports: the only stage that touches targets."""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

import msgspec
from msgspec import Struct

from audit_core import batch, parse, plan, probe_child
from audit_core.errors import ConfigError, DengbaoError
from audit_core.hooks import Prober, ProbeReply
from audit_core.model import (
    Command,
    Message,
    Platform,
    Probe,
    ReadFile,
    Reason,
    Request,
    Status,
    msg,
    request_digest,
)
from audit_core.store.bundles import Bundle, BundleWriter, Reply
from audit_core.store.runs import Run
from audit_core.transports import Ended, ScriptReply, Session, Transport, TransportError

_ROUND_SECONDS = 600
_STREAM_LIMIT = 64 << 20
_FRAME_ROOM = 512
_LOCKOUT = 3
# A signal that comes just before Python begins to wait wakes nobody: without this, Ctrl-C would now
# and then be noticed only when all targets are done.
_LOOK_S = 0.2


class Route(Struct, frozen=True, kw_only=True):
    """How a group is reached.

    `credential` and `jump_credential` name what is offered to the target and to the jump host in
    front of it (never the value), for lock-outs.
    """

    transport: Transport
    credential: str
    jump_credential: str | None = None
    sudo: bool = True


class Event(Struct, frozen=True, kw_only=True):
    """Something that a progress display may show."""

    target: str
    stage: str
    done: int
    total: int


class _Abandoned(Exception):
    """The run is being given up; what was under way is neither an answer nor a fault."""


class Lockouts:
    """Counts refusals per credential: one refused by three targets is not tried on a fourth.

    A try whose outcome is open counts as well, as long as the credential was taken nowhere: else
    the targets that are asked at once would all have refused it before the third was counted.
    """

    def __init__(self) -> None:
        self._refused: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        self._taken: set[str] = set()
        self._change = threading.Condition()

    def may_try(self, credential: str) -> bool:
        """Whether `credential` may be tried, once that can be told; then `tried` must follow."""
        with self._change:
            self._change.wait_for(lambda: not self._in_doubt(credential))
            if self._refused[credential] >= _LOCKOUT:
                return False
            self._open[credential] += 1
            return True

    def _in_doubt(self, credential: str) -> bool:
        refused, tries = self._refused[credential], self._open[credential]
        return credential not in self._taken and refused < _LOCKOUT <= refused + tries

    def tried(self, credential: str, *, taken: bool = False, refused: bool = False) -> None:
        """Counts how one try ended; neither, where the target did not get as far."""
        with self._change:
            self._open[credential] -= 1
            self._refused[credential] += refused
            if taken:
                self._taken.add(credential)
            self._change.notify_all()


def now() -> str:
    """This moment in UTC, ISO 8601 with milliseconds."""
    moment = datetime.datetime.now(datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Collector:
    """Collects the groups of one run."""

    def __init__(
        self,
        run: Run,
        routes: Mapping[str, Route],
        probers: Mapping[str, Prober],
        *,
        known_secrets: Callable[[], tuple[bytes, ...]] = tuple,
        on_event: Callable[[Event], None] = lambda event: None,
        at_once: int = 16,
    ) -> None:
        self._run = run
        self._routes = routes
        self._probers = probers
        self._secrets = known_secrets
        self._on_event = on_event
        self._at_once = at_once
        self._lockouts = Lockouts()
        self._stop = threading.Event()
        self._ways_out: dict[object, Callable[[], None]] = {}
        self._guard = threading.Lock()

    def collect(self, groups: Sequence[plan.Group]) -> None:
        """Collects all `groups`, several at once; raises StoreError when storing fails."""
        wanted = [g for g in groups if plan.everything(g)]
        if not wanted:
            return
        pool = ThreadPoolExecutor(min(self._at_once, len(wanted)))
        try:
            tasks = [pool.submit(self._one, group) for group in wanted]
            left: set[Future[None]] = set(tasks)
            while left:
                done, left = wait(left, timeout=_LOOK_S, return_when=FIRST_EXCEPTION)
                for task in done:
                    task.result()
        except BaseException:
            self._abandon()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()

    def _abandon(self) -> None:
        """Breaks off what is being asked; from here on nothing more is stored."""
        self._stop.set()
        with self._guard:
            ways_out = tuple(self._ways_out.values())
        for way_out in ways_out:
            with contextlib.suppress(Exception):
                way_out()

    @contextlib.contextmanager
    def _breakable(self, way_out: Callable[[], None]) -> Iterator[None]:
        """What happens in the block is broken off by `way_out` when the run is abandoned.

        A reply that came in by then may be half of one: it is dropped, and asked for on resume.
        """
        key = object()
        with self._guard:
            self._ways_out[key] = way_out
        try:
            yield
        finally:
            with self._guard:
                del self._ways_out[key]
        if self._stop.is_set():
            raise _Abandoned

    def _one(self, group: plan.Group) -> None:
        before = self._run.bundle(group.root.id)
        if before is not None and before.complete:
            self._tell(group, "done", 1, 1)
            return
        writer = self._run.writer(group.root.id, self._secrets)
        try:
            self._rounds(group, writer)
            writer.finish()
        except (DengbaoError, _Abandoned):
            raise
        except Exception as error:
            if self._stop.is_set():
                raise
            said = msg(
                "internal error: {kind}: {error}", kind=type(error).__name__, error=str(error)
            )
            writer.fault(Reason.FAULT, said)
            writer.finish()
        finally:
            writer.close()
        self._tell(group, "done", 1, 1)

    def _tell(self, group: plan.Group, stage: str, done: int, total: int) -> None:
        self._on_event(Event(target=group.root.id, stage=stage, done=done, total=total))

    def _bundle(self, group: plan.Group) -> Bundle:
        return Bundle(self._run.bundle_path(group.root.id))

    def _left(self, group: plan.Group, wanted: Sequence[Request]) -> list[Request]:
        held = self._bundle(group).observations
        return [r for r in wanted if request_digest(r) not in held]

    def _rounds(self, group: plan.Group, writer: BundleWriter) -> None:
        first = plan.discovery_round(group)
        if first:
            self._shell_rounds(group, writer, first)
        main = plan.main_round(group, self._platform(group))
        probes = [r for r in self._left(group, main) if isinstance(r, Probe)]
        for index, probe in enumerate(probes):
            self._tell(group, "network", index, len(probes))
            self._probe(group, writer, probe)
        if probes:
            writer.round_done(3, "from the collector over the network")

    def _platform(self, group: plan.Group) -> Platform:
        bundle = self._bundle(group)
        seen = parse.Seen(observations=bundle.observations, blob=bundle.blob)
        return parse.platform(seen, group.root)

    def _shell_rounds(
        self, group: plan.Group, writer: BundleWriter, first: Sequence[Request]
    ) -> None:
        route = self._routes.get(group.root.id)
        if route is None:
            said = msg("The inventory declares no access to this target")
            writer.fault(Reason.NOT_COLLECTED, said)
            return
        self._tell(group, "connect", 0, 1)
        # Between this and `_opened` nothing may fail: others wait for how this try ends.
        if not self._may_try(route):
            said = msg(
                "The credential was refused by {count} targets and is not tried on more",
                count=_LOCKOUT,
            )
            writer.fault(Reason.NOT_PERMITTED, said)
            return
        try:
            with self._opened(route) as session:
                if self._round(group, writer, session, 1, first, route):
                    main = plan.main_round(group, self._platform(group))
                    self._round(group, writer, session, 2, main, route)
        except TransportError as error:
            if self._stop.is_set():
                raise
            writer.fault(error.reason, error.said, error.remedy)
        except ConfigError as error:  # of this target's own access: the others go on
            writer.fault(Reason.NOT_COLLECTED, error.said or msg("{text}", text=str(error)))

    def _may_try(self, route: Route) -> bool:
        held: list[str] = []
        # In one order for all, or two targets would wait for one another; one name, one try.
        for name in sorted({route.credential, route.jump_credential or route.credential}):
            if not self._lockouts.may_try(name):
                for other in held:
                    self._lockouts.tried(other)
                return False
            held.append(name)
        return True

    def _opened(self, route: Route) -> Session:
        error: TransportError | None = None
        reached = False
        try:
            session = route.transport.open()
            reached = True
        except TransportError as caught:
            error = caught
            raise
        finally:
            self._count(route, error, reached)
        return session

    def _count(self, route: Route, error: TransportError | None, reached: bool) -> None:
        refused = error is not None and error.credential_refused
        jump = route.jump_credential
        if jump in (None, route.credential):
            self._lockouts.tried(route.credential, taken=reached, refused=refused)
            return
        at_jump = error is not None and error.at_jump
        # What the target refused was offered to it through the jump host.
        passed = reached or (refused and not at_jump)
        self._lockouts.tried(route.credential, taken=reached, refused=refused and not at_jump)
        self._lockouts.tried(jump, taken=passed, refused=refused and at_jump)

    def _round(
        self,
        group: plan.Group,
        writer: BundleWriter,
        session: Session,
        number: int,
        wanted: Sequence[Request],
        route: Route,
    ) -> bool:
        """Asks what is left to ask; whether the target ran the script at all."""
        left = [r for r in self._left(group, wanted) if isinstance(r, Command | ReadFile)]
        if not left:
            return True
        self._tell(group, "ask", 0, len(left))
        nonce, started = secrets.token_hex(16), now()
        script = batch.render(left, nonce, sudo=route.sudo)
        seconds, limit = _seconds(left), _limit(left)
        with self._breakable(session.close):
            told = session.run(script, deadline_s=seconds, limit=limit)
        if batch.header(told.stdout, nonce) is None:
            reason, said = _not_run(told, seconds, limit)
            writer.fault(reason, said, _A_SHELL)
            return False
        self._store(group, writer, session.how, number, left, nonce, told, started)
        writer.round_done(number, session.how)
        return True

    def _store(
        self,
        group: plan.Group,
        writer: BundleWriter,
        how: str,
        number: int,
        asked: Sequence[Command | ReadFile],
        nonce: str,
        told: ScriptReply,
        started: str,
    ) -> None:
        cut = Status.TIMED_OUT if told.ended is Ended.DEADLINE else Status.NO_REPLY
        got = batch.unframe(asked, nonce, told.stdout, told.stderr, cut=cut)
        if got.header is not None:
            how = f"{how}, uid {got.header.uid}"
        ended = now()
        for request, raw in zip(asked, got.replies, strict=True):
            raw = raw or batch.Raw(status=cut, detail=told.detail or f"the script {told.ended}")
            reply = Reply(
                request=request,
                status=raw.status,
                exit_code=raw.exit_code,
                stdout=raw.stdout,
                stderr=raw.stderr,
                truncated=raw.truncated,
                round=number,
                started=started,
                ended=ended,
                how=how,
                detail=raw.detail,
            )
            writer.add(group.root.id, reply)

    def _probe(self, group: plan.Group, writer: BundleWriter, probe: Probe) -> None:
        started = now()
        prober = self._probers.get(probe.prober)
        if prober is None:
            got = ProbeReply(reason=Reason.UNSUPPORTED, detail=f"no prober {probe.prober}")
        else:
            with self._breakable(asking := Asking()):
                got = ask_prober(prober, probe, asking)
        writer.add(group.root.id, _probe_reply(probe, got, started))


_A_SHELL = msg(
    "Give this account a POSIX shell, without a forced command (ForceCommand, command=) or a limit "
    "on its sessions"
)
_SHOWN = 200


def _not_run(told: ScriptReply, seconds: float, limit: int) -> tuple[Reason, Message]:
    """Why the login ran no script: nologin, a forced command, file transfer only, a full server."""
    match told.ended:
        case Ended.DEADLINE:
            said = msg(
                "The account's login runs no shell script: nothing came within {seconds} s",
                seconds=seconds,
            )
            return Reason.TIMED_OUT, said
        case Ended.LIMIT:
            said = msg(
                "The account's login printed more than {limit} bytes before a script ran",
                limit=limit,
            )
            return Reason.TRUNCATED, said
        case Ended.CLOSED:
            said = msg("The connection was closed after the login, before a script ran")
            return Reason.UNREACHABLE, said
    words = b"\n".join(filter(None, (told.stdout.strip(), told.stderr.strip())))
    output = words[: 4 * _SHOWN].decode("utf-8", "backslashreplace")[:_SHOWN]
    if output:
        said = msg(
            "The account's login runs no shell script: it ended with exit status {code} and said "
            "{output}",
            code=told.exit_code,
            output=output,
        )
        return Reason.NOT_PERMITTED, said
    said = msg(
        "The account's login runs no shell script: it ended with exit status {code} and said "
        "nothing",
        code=told.exit_code,
    )
    return Reason.NOT_PERMITTED, said


_PROBE_STATUS = {
    Reason.NOT_PRESENT: Status.NOT_PRESENT,
    Reason.NOT_PERMITTED: Status.NOT_PERMITTED,
    Reason.UNREACHABLE: Status.UNREACHABLE,
    Reason.TIMED_OUT: Status.TIMED_OUT,
    Reason.UNSUPPORTED: Status.UNSUPPORTED,
    Reason.NOT_COLLECTED: Status.UNSUPPORTED,
    Reason.FAULT: Status.FAULT,
}


def _probe_reply(probe: Probe, got: ProbeReply, started: str) -> Reply:
    status = Status.ANSWERED
    if got.reason is not None:
        status = _PROBE_STATUS.get(got.reason, Status.MALFORMED)
    return Reply(
        request=probe,
        status=status,
        exit_code=got.exit_code if got.reason is None else None,
        stdout=got.stdout[: probe.limit],
        stderr=got.stderr[: batch.STDERR_LIMIT],
        truncated=got.truncated or len(got.stdout) > probe.limit,
        round=3,
        started=started,
        ended=now(),
        how="from the collector over the network",
        detail=got.detail,
    )


class Asking:
    """A prober's process while it is asked; calling this ends it, also one that begins later."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._over = False
        self._guard = threading.Lock()

    def begun(self, child: subprocess.Popen[bytes]) -> None:
        """`child` is what asks."""
        with self._guard:
            self._child = child
            if self._over:
                self._end()

    def __call__(self) -> None:
        with self._guard:
            self._over = True
            self._end()

    def _end(self) -> None:
        # Only while it is not reaped: later its number may be that of somebody else's group.
        if self._child is not None and self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)


def ask_prober(prober: Prober, probe: Probe, asking: Asking | None = None) -> ProbeReply:
    """What `prober` answers, asked in a child process that is killed past its time."""
    order = probe_child.Order(
        entry=prober.entry,
        args=probe.args,
        timeout_s=probe.timeout_s,
        limit=probe.limit,
        path=tuple(sys.path),
    )
    child = subprocess.Popen(
        [sys.executable, "-m", "audit_core.probe_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    if asking is not None:
        asking.begun(child)
    try:
        out, err = child.communicate(msgspec.json.encode(order), timeout=probe.timeout_s + 15)
    except subprocess.TimeoutExpired:
        return ProbeReply(reason=Reason.TIMED_OUT, detail="the prober did not end in time")
    finally:
        _kill_group(child)
    return _told(child.returncode, out, err)


def _told(code: int, out: bytes, err: bytes) -> ProbeReply:
    try:
        if code == 0:
            return msgspec.json.decode(out, type=ProbeReply)
    except msgspec.MsgspecError:
        pass
    detail = f"the prober died (exit status {code})"
    return ProbeReply(reason=Reason.FAULT, detail=detail, stderr=err[-2000:])


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    # Also what the prober left behind: the group outlives its leader.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    # What left the group may hold the pipes open: their end is not waited for.
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _seconds(requests: Sequence[Command | ReadFile]) -> float:
    return min(_ROUND_SECONDS, 30 + sum(r.timeout_s for r in requests))


def _limit(requests: Sequence[Command | ReadFile]) -> int:
    return min(_STREAM_LIMIT, sum(r.limit + _FRAME_ROOM for r in requests) + (1 << 20))
