"""Runs the rounds of a plan over transports."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from msgspec import Struct

from audit_core import plan
from audit_core.api.hooks import Prober, ProbeReply
from audit_core.collect.clock import now
from audit_core.collect.lockouts import LOCKOUT, Lockouts
from audit_core.collect.no_shell import A_SHELL, not_run
from audit_core.collect.probers import ProberProcess, ask_prober, probe_reply
from audit_core.connectors import Ended, ScriptReply, Session, Transport, TransportError
from audit_core.model import (
    Platform,
    Probe,
    Reason,
    Request,
    Status,
    msg,
)
from audit_core.model.errors import ConfigError, DengbaoError
from audit_core.plan import answers, batch
from audit_core.store.bundles import Bundle, BundleWriter, Reply
from audit_core.store.runs import Run

_ROUND_SECONDS = 600
_STREAM_LIMIT = 64 << 20
_FRAME_ROOM = 512
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
        return [r for r in wanted if (group.root.id, r.identity()) not in held]

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
        seen = answers.Observations(
            observations=bundle.observations, blob=bundle.blob, parents=group.parents
        )
        return answers.platform(seen, group.platform, group.root)

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
        if not self._lockouts.may_try_all(
            route.credential, route.jump_credential or route.credential
        ):
            said = msg(
                "The credential was refused by {count} targets and is not tried on more",
                count=LOCKOUT,
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
            writer.fault(Reason.NOT_COLLECTED, error.said)

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
            self._lockouts.tried_through(
                route.credential, route.jump_credential, error=error, reached=reached
            )
        return session

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
        left = [r for r in self._left(group, wanted) if isinstance(r, batch.ShellRequest)]
        if not left:
            return True
        self._tell(group, "ask", 0, len(left))
        nonce, started = secrets.token_hex(16), now()
        script = batch.render(left, nonce, sudo=route.sudo)
        seconds, limit = _seconds(left), _limit(left)
        with self._breakable(session.close):
            told = session.run(script, deadline_s=seconds, limit=limit)
        if batch.header(told.stdout, nonce) is None:
            reason, said = not_run(told, seconds, limit)
            writer.fault(reason, said, A_SHELL)
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
        asked: Sequence[batch.ShellRequest],
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
            raw = raw or batch.ScriptResponse(
                status=cut, detail=told.detail or f"the script {told.ended}"
            )
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
                files=raw.files,
            )
            writer.add(group.root.id, reply)

    def _probe(self, group: plan.Group, writer: BundleWriter, probe: Probe) -> None:
        started = now()
        prober = self._probers.get(probe.prober)
        if prober is None:
            got = ProbeReply(reason=Reason.UNSUPPORTED, detail=f"no prober {probe.prober}")
        else:
            with self._breakable(asking := ProberProcess()):
                got = ask_prober(prober, probe, asking)
        writer.add(group.root.id, probe_reply(probe, got, started))


def _seconds(requests: Sequence[batch.ShellRequest]) -> float:
    return min(_ROUND_SECONDS, 30 + sum(r.timeout_s for r in requests))


def _limit(requests: Sequence[batch.ShellRequest]) -> int:
    return min(_STREAM_LIMIT, sum(r.limit + _FRAME_ROOM for r in requests) + (1 << 20))
