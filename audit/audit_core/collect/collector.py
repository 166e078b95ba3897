"""Runs the rounds of a plan over the routes to the targets."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from msgspec import Struct

from audit_core import plan
from audit_core.collect.logins import Logins
from audit_core.connectors import ByTarget, Route, asked, capped, now, route_of
from audit_core.model import (
    ConnectError,
    Message,
    Platform,
    Reason,
    Reply,
    Request,
    Session,
    SessionInfo,
    Status,
    merged,
    msg,
    verbatim,
)
from audit_core.model.errors import ConfigError, DengbaoError
from audit_core.plan import answers
from audit_core.store.bundles import Bundle, BundleWriter, Login, Stamp
from audit_core.store.redact import Redactor
from audit_core.store.runs import Run

# A signal that comes just before Python begins to wait wakes nobody: without this, Ctrl-C would now
# and then be noticed only when all targets are done.
_LOOK_S = 0.2
_FIRST, _MAIN = 1, 2
_STATUS = {
    Reason.UNREACHABLE: Status.UNREACHABLE,
    Reason.TIMED_OUT: Status.TIMED_OUT,
    Reason.NOT_PERMITTED: Status.NOT_PERMITTED,
    Reason.UNSUPPORTED: Status.UNSUPPORTED,
    Reason.NOT_COLLECTED: Status.UNSUPPORTED,
}


class Event(Struct, frozen=True, kw_only=True):
    """Something that a progress display may show."""

    target: str
    stage: str
    done: int
    total: int


class _Abandoned(Exception):
    """The run is being aborted; a request in progress is neither an answer nor a fault."""


class Collector:
    """Collects the groups of one run.

    `routes` are those to each target, by its id; `accepted` the types of requests that some
    connector answers, though perhaps none that leads to a target.
    """

    def __init__(
        self,
        run: Run,
        routes: ByTarget,
        *,
        accepted: tuple[type[Request], ...] = (Request,),
        redactor: Redactor | None = None,
        on_event: Callable[[Event], None] = lambda event: None,
        at_once: int = 16,
    ) -> None:
        self._run = run
        self.routes = routes
        self.accepted = accepted
        self._redactor = redactor
        self._on_event = on_event
        self._at_once = at_once
        self.logins = Logins()
        self._stop = threading.Event()
        self._ways_out: dict[object, Callable[[], None]] = {}
        self._guard = threading.Lock()

    def collect(self, groups: Sequence[plan.Group]) -> None:
        """Collects all `groups`, several at once; raises StoreError when storing fails."""
        wanted = [g for g in groups if plan.everything(g)]
        if not wanted:
            return
        self.logins.remember(self._logins_before(wanted))
        waiting = _scanned_after_logins(wanted, self.routes)
        self._each(wanted, lambda group: self._one(group, ends=group.root.id not in waiting))
        self._each([g for g in wanted if g.root.id in waiting], self._rest)

    def _each(self, groups: Sequence[plan.Group], work: Callable[[plan.Group], None]) -> None:
        if not groups:
            return
        pool = ThreadPoolExecutor(min(self._at_once, len(groups)))
        try:
            tasks = [pool.submit(work, group) for group in groups]
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

    def _logins_before(self, groups: Sequence[plan.Group]) -> list[tuple[Route, Login]]:
        """The logins that this run made before it was cut off."""
        found = []
        for bundle in filter(None, (self._run.bundle(group.root.id) for group in groups)):
            for login in bundle.logins:
                routes = self.routes.get(login.target, ())
                found += [(r, login.how) for r in routes if r.connector == login.connector]
        return found

    def _abandon(self) -> None:
        """Aborts the requests in progress; nothing more is stored afterwards."""
        self._stop.set()
        with self._guard:
            ways_out = tuple(self._ways_out.values())
        for way_out in ways_out:
            with contextlib.suppress(Exception):
                way_out()

    @contextlib.contextmanager
    def breakable(self, way_out: Callable[[], None]) -> Iterator[None]:
        """Calls `way_out` to abort the block when the run is aborted."""
        key = object()
        with self._guard:
            self._ways_out[key] = way_out
        try:
            yield
        finally:
            with self._guard:
                del self._ways_out[key]
        self.go_on()

    def go_on(self) -> None:
        """Raises _Abandoned where the run is aborted.

        A reply received by then may be incomplete: it is dropped and requested again on resume.
        """
        if self._stop.is_set():
            raise _Abandoned

    def _one(self, group: plan.Group, *, ends: bool) -> None:
        """Asks `group`; what nobody logs in for is left for later unless that `ends` it."""
        self._stored(group, lambda rounds: rounds.carry_out(from_outside=ends), ends=ends)

    def _rest(self, group: plan.Group) -> None:
        """Asks what was left for later."""
        self._stored(group, lambda rounds: rounds.look_from_outside(), ends=True)

    def _stored(
        self, group: plan.Group, work: Callable[[_GroupRounds], None], *, ends: bool
    ) -> None:
        before = self._run.bundle(group.root.id)
        if before is not None and before.complete:
            self.tell(group, "done", 1, 1)
            return
        writer = self._run.writer(group.root.id, self._redactor)
        try:
            work(_GroupRounds(self, group, writer))
            if not ends:
                return
            writer.finish()
        except (DengbaoError, _Abandoned):
            raise
        except Exception as error:
            if self._stop.is_set():
                raise
            detail = msg(
                "internal error: {kind}: {error}",
                kind=type(error).__name__,
                error=verbatim(str(error)),
            )
            writer.fault(group.root.id, Reason.FAULT, detail)
            writer.finish()
        finally:
            writer.close()
        self.tell(group, "done", 1, 1)

    def tell(self, group: plan.Group, stage: str, done: int, total: int) -> None:
        """Reports the progress of `group`."""
        self._on_event(Event(target=group.root.id, stage=stage, done=done, total=total))

    def bundle(self, group: plan.Group) -> Bundle:
        """What `group` has answered so far."""
        return Bundle(self._run.bundle_path(group.root.id))

    @property
    def given_up(self) -> bool:
        """Whether the run is being abandoned."""
        return self._stop.is_set()


def _scanned_after_logins(groups: Sequence[plan.Group], routes: ByTarget) -> set[str]:
    """The groups at an address where another group is logged in to, by the id of their root.

    They are scanned when all logins are made: sshd since OpenSSH 9.8 turns away whoever connects
    and does not log in (PerSourcePenalties), and so would lock us out by our own scan.
    """
    logins: dict[str, set[str]] = {}
    for group in groups:
        for place in _places(group, routes, logs_in=True):
            logins.setdefault(place, set()).add(group.root.id)
    return {
        group.root.id
        for group in groups
        for place in _places(group, routes, logs_in=False)
        if logins.get(place, set()) - {group.root.id}
    }


def _places(group: plan.Group, routes: ByTarget, *, logs_in: bool) -> Iterator[str]:
    for member in group.members:
        for route in routes.get(member.id, ()):
            if route.logs_in is logs_in:
                yield from route.places


class _GroupRounds:
    """The two rounds of one group: the platform facts, then everything else.

    Each of its targets is asked over the routes that reach it; a session stays open for both
    rounds. What fails on one route is a fault of the target it leads to, and the others go on.
    """

    def __init__(self, collector: Collector, group: plan.Group, writer: BundleWriter) -> None:
        self._collector = collector
        self._group = group
        self._writer = writer
        self._parents = group.parents
        self._failed: set[tuple[str, str]] = set()
        self._shown: dict[tuple[str, str], tuple[Reply, ...]] = {}  # before a login was refused
        self._sessions: dict[tuple[str, str], Session] = {}
        self._again: set[tuple[str, str]] = set()  # the routes over which was logged in again

    def carry_out(self, *, from_outside: bool) -> None:
        """Both rounds; what is asked without a login only where it is to be `from_outside`."""
        try:
            self._round(_FIRST, plan.discovery_round(self._group))
            wanted = plan.main_round(self._group, self._platform())
            self._round(_MAIN, wanted, (True, False) if from_outside else (True,))
        finally:
            self._close_all()

    def look_from_outside(self) -> None:
        """Sends the requests that need no login, such as port scans."""
        try:
            wanted = plan.main_round(self._group, self._platform())
            self._round(_MAIN, wanted, (False,))
        finally:
            self._close_all()

    def _platform(self) -> Platform:
        bundle = self._collector.bundle(self._group)
        observations = answers.Observations(
            observations=bundle.observations, blob=bundle.blob, parents=self._parents
        )
        return answers.platform(observations, self._group.platform, self._group.root)

    def _round(
        self, number: int, wanted: Sequence[plan.Question], logs_in: Sequence[bool] = (True, False)
    ) -> None:
        held = self._collector.bundle(self._group).observations
        for route, requests in self._by_route(wanted, nobody=True in logs_in):
            if route.logs_in not in logs_in:
                continue
            left = [
                r for r in merged(requests).values() if (route.target, r.identity()) not in held
            ]
            if left and (route.target, route.connector) not in self._failed:
                self._over(route, number, left)
            self._add_shown(route, number, left)
        if number == _MAIN:
            self._close_all()

    def _add_shown(self, route: Route, number: int, left: Sequence[Request]) -> None:
        """Stores what a server that refused the login told before, as far as it is asked.

        Under a name of its own: over the connector itself nothing was answered.
        """
        wanted = {request.identity() for request in left}
        for reply in self._shown.get((route.target, route.connector), ()):
            if reply.request.identity() in wanted:
                stamp = self._now(f"{route.connector}-no-login", number)
                self._writer.add(route.target, capped(reply, stamp.started), stamp)

    def _close_all(self) -> None:
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()

    def _by_route(
        self, wanted: Sequence[plan.Question], *, nobody: bool
    ) -> Iterator[tuple[Route, tuple[Request, ...]]]:
        """The requests by the route that answers them, where somebody logs in first.

        A server may turn away whoever connected to it again and again without logging in. What
        there is no route for is stored as such where `nobody` says so.
        """
        found: dict[tuple[str, str], tuple[Route, list[Request]]] = {}
        for question in wanted:
            route = route_of(
                question.request, question.target, self._collector.routes, self._parents
            )
            if route is None:
                if nobody:
                    self._nobody(question)
                continue
            key = (route.target, route.connector)
            found.setdefault(key, (route, []))[1].append(question.request)
        for route, requests in sorted(found.values(), key=lambda pair: not pair[0].logs_in):
            yield route, tuple(requests)

    def _nobody(self, question: plan.Question) -> None:
        if not isinstance(question.request, self._collector.accepted):
            self._unsupported(question, msg("no installed plugin supports this request"))
            return
        if self._is_reached(question.target):
            self._unsupported(question, msg("the declared access cannot ask this"))
            return
        key = (self._group.root.id, "")
        if key not in self._failed:
            self._failed.add(key)
            detail = msg("The inventory declares no access to this target")
            self._writer.fault(self._group.root.id, Reason.NOT_COLLECTED, detail)

    def _unsupported(self, question: plan.Question, why: Message) -> None:
        self._store(question.target, "", _MAIN, question.request, Status.UNSUPPORTED, why)

    def _is_reached(self, target: str) -> bool:
        """Whether an access to `target`, or to what it is part of, is declared."""
        place: str | None = target
        while place is not None:
            if any(route.logs_in for route in self._collector.routes.get(place, ())):
                return True
            place = self._parents.get(place)
        return False

    def _over(self, route: Route, number: int, requests: Sequence[Request]) -> None:
        """Asks `requests` over `route`, which is opened where it is not open yet."""
        try:
            session = self._session(route)
            if session is None:
                return
            stage = "ask" if route.logs_in else "network"
            self._collector.tell(self._group, stage, 0, len(requests))
            self._ask(route, session, number, requests)
        except ConnectError as error:
            if self._collector.given_up:
                raise
            if not route.logs_in:
                self._unanswered(route, number, requests, error)
                return
            if error.refused and (route.target, route.connector) in self._sessions:
                self._collector.logins.refused_later(route)
                self._writer.login(route.target, route.connector, Login.REFUSED)
            self._shown[route.target, route.connector] = error.replies
            self._fault(route, error.reason, error.detail, error.remedy)
        except ConfigError as error:  # of this target's own access: the others go on
            self._fault(route, Reason.NOT_COLLECTED, error.detail)

    def _session(self, route: Route) -> Session | None:
        key = (route.target, route.connector)
        if key not in self._sessions:
            if route.logs_in:
                self._collector.tell(self._group, "connect", 0, 1)
            note = functools.partial(self._writer.login, route.target, route.connector)
            session = self._collector.logins.opened(route, note)
            if isinstance(session, Message):
                self._fault(route, Reason.NOT_PERMITTED, session)
                return None
            self._sessions[key] = session
        return self._sessions[key]

    def _ask(
        self, route: Route, session: Session, number: int, requests: Sequence[Request]
    ) -> None:
        key = (route.target, route.connector)
        lost: list[Reply] = []
        with self._collector.breakable(session.close):
            for reply in asked(session, requests):
                self._collector.go_on()
                if reply.status is Status.NO_REPLY and route.logs_in and key not in self._again:
                    lost.append(reply)
                else:
                    self._add(route, number, session, reply)
        if lost:
            self._ask_again(route, number, session, lost)
        self._writer.round_done(number, route.target, route.connector)

    def _add(self, route: Route, number: int, session: Session, reply: Reply) -> None:
        stamp = Stamp(round=number, started=reply.started, ended=reply.ended, how=session.info)
        self._writer.add(route.target, reply, stamp)

    def _ask_again(
        self, route: Route, number: int, session: Session, lost: Sequence[Reply]
    ) -> None:
        """Asks what a lost session was not asked over a new one, once for each route.

        The credential was taken just before; where it is not taken again, nothing more is tried.
        """
        self._again.add((route.target, route.connector))
        del self._sessions[route.target, route.connector]
        session.close()
        left = {reply.request.identity(): reply for reply in lost}
        try:
            fresh = self._session(route)
            if fresh is None:
                return
            with self._collector.breakable(fresh.close):
                for reply in asked(fresh, [reply.request for reply in lost]):
                    self._collector.go_on()
                    del left[reply.request.identity()]
                    self._add(route, number, fresh, reply)
        finally:
            if not self._collector.given_up:
                for reply in left.values():
                    self._add(route, number, session, reply)

    def _fault(
        self, route: Route, reason: Reason, detail: Message, remedy: Message | None = None
    ) -> None:
        self._failed.add((route.target, route.connector))
        self._writer.fault(route.target, reason, detail, remedy, connector=route.connector)

    def _unanswered(
        self, route: Route, number: int, requests: Sequence[Request], error: ConnectError
    ) -> None:
        """Stores the reason for each request; without a login the target is not unreachable."""
        status = _STATUS.get(error.reason, Status.FAULT)
        for request in requests:
            self._store(route.target, route.connector, number, request, status, error.detail)

    def _store(
        self, target: str, connector: str, number: int, request: Request, status: Status,
        why: Message,
    ) -> None:  # fmt: skip
        reply = Reply(request=request, status=status, detail=why)
        self._writer.add(target, reply, self._now(connector, number))

    def _now(self, connector: str, number: int) -> Stamp:
        moment = now()
        how = SessionInfo(connector=connector)
        return Stamp(round=number, started=moment, ended=moment, how=how)
