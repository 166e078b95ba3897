"""A run killed at any point loses nothing stored; resumed, it gives the same results."""

from __future__ import annotations

import secrets
import shlex
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from audit_core.store import frames
from audit_core.store.runs import Store
from core.toy import toy
from core.whole import Whole, read
from live.island import need_namespaces
from live.patience import eventually
from live.processes import running as command_lines
from live.product import Done, Running, dengbao, environment, start
from live.sshd import program

_CHAINS, _KILLS = 12, 5  # 60 kills, each at a moment of its own
_SAMPLE = (0, 5, 10)  # has kills in each part of a run, and after one, two and three growths
_HOSTS = 6

SOURCE = """
def noise(n):
    words = ("sh", "-c", "sleep 0.08; seq %d; echo $0" % (200 * n), "n%d" % n)
    return fact("toy.noise%d" % n, int, kind="host", ask=Command(argv=words),
                parse=lambda a: len(a.lines))

def line_check(n):
    @check("toy.lines%d" % n, needs=noise(n), severity=Severity.LOW)
    def lines(seen):
        \"\"\"There are few lines.\"\"\"
        return expect(seen < 500, detail=msg("{seen} lines", seen=seen))
    return lines

one, two, three = line_check(1), line_check(2), line_check(3)

def slow_answer(request):
    import os, time
    time.sleep(0.05)
    while (HERE / "hold").exists():
        (HERE / "waiting.new").write_text(str(os.getppid()))
        (HERE / "waiting.new").rename(HERE / "waiting")
        time.sleep(0.05)
    return b"open"

slow = probing(slow_answer)

@hookimpl
def dengbao_connectors():
    return [prober("slow", "endpoint")]

@check("toy.probed", needs=fact("toy.port", str, kind="endpoint", parse=lambda a: a.text,
       ask=lambda t: Probe(prober="toy.slow", args={"port": t.settings["port"]})),
       severity=Severity.LOW)
def probed(seen):
    \"\"\"It is closed.\"\"\"
    return expect(seen == "closed", detail=msg("it is {seen}", seen=seen))
"""


class World(Struct, frozen=True, kw_only=True):
    """The plugin, the inventory, and how a run of it goes when nobody interferes."""

    base: Path
    env: dict[str, str]
    inventory: Path
    reported: tuple[Any, Any]
    seconds: float


class Hold:
    """The file that the plugin's prober waits to see gone, and the one that says whose waits."""

    def __init__(self, package: Path) -> None:
        self._hold, self._waiting = package / "hold", package / "waiting"

    def on(self) -> None:
        self._hold.touch()

    def off(self) -> None:
        self._hold.unlink(missing_ok=True)

    def waited_for(self, running: Running) -> bool:
        """Whether its own prober waits, and not one that the run before left behind."""
        return self._waiting.exists() and self._waiting.read_text() == str(running.pid)


def reported(results: Whole) -> tuple[Any, Any]:
    """What two runs of the same have in common: everything but times, ids and digests."""
    findings = [
        (f.id, f.verdict, f.severity, f.why, f.detail, f.expected, f.params, len(f.evidence))
        for f in results.findings
    ]
    return findings, results.conclusions


def results_of(store: Path) -> Whole:
    return read(Store(store).find("latest").folder)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    base = tmp_path_factory.mktemp("crash")
    toy(base / "site", SOURCE, ["toy.lines1", "toy.lines2", "toy.lines3", "toy.probed"])
    hosts = "".join(f"  - {{id: h{n}, access: {{via: local}}}}\n" for n in range(_HOSTS))
    inventory = base / "inventory.yaml"
    inventory.write_text(
        f"targets:\n{hosts}  - {{id: e, access: {{via: local}}, endpoints: [{{port: 1}}]}}\n"
    )
    env = environment(base, (base / "site",))
    done = go(
        World(base=base, env=env, inventory=inventory, reported=((), ()), seconds=0), base / "s"
    )
    whole = reported(results_of(base / "s"))
    assert len(whole[0]) == 3 * (_HOSTS + 1) + 1
    assert "unreachable" not in str(whole)
    return World(base=base, env=env, inventory=inventory, reported=whole, seconds=done.seconds)


def words(world: World, store: Path, *more: object) -> list[object]:
    """The words of a new run, or of the one that was cut off."""
    what = ["--resume"] if Store(store).unfinished() is not None else ["toy"]
    return ["run", *what, "-i", world.inventory, "--store", store, "--at-once", "2", *more]


def go(world: World, store: Path) -> Done:
    return dengbao(*words(world, store), env=world.env).ended(0)


def finished(world: World, store: Path) -> None:
    """`store` holds a run that ended."""
    shutil.copytree(world.base / "s", store, dirs_exist_ok=True)


def bundles(store: Path) -> Iterator[Path]:
    yield from sorted(store.glob("runs/*/bundles/*.bundle"))


def sizes(store: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in bundles(store)}


def whole_part(path: Path) -> bytes:
    """The bytes of a bundle up to the end of its last whole frame."""
    raw = path.read_bytes()
    if len(raw) < len(frames.MAGIC):
        return b""
    return raw[: frames.whole_length(path)]


def whole_parts(store: Path) -> dict[Path, bytes]:
    return {path: whole_part(path) for path in bundles(store)}


class Moment(Struct, frozen=True, kw_only=True):
    """When a run is killed: at a part of its time, or a pause after bundles grew so many times."""

    part: float = 0
    growths: int = 0
    pause_s: float = 0

    def earlier(self) -> Moment:
        """For a run that had ended by then."""
        growths = max(self.growths - 1, 1) if self.growths else 0
        return Moment(part=self.part * 0.9, growths=growths, pause_s=self.pause_s / 2)


def wait_for(moment: Moment, running: Running, store: Path, world: World) -> bool:
    """Whether the run still runs when `moment` has come."""
    if not moment.growths:
        time.sleep(moment.part * world.seconds)
        return not running.has_ended
    deadline = time.monotonic() + 60
    before = sizes(store)
    for _ in range(moment.growths):
        while not running.has_ended and time.monotonic() < deadline:
            now = sizes(store)
            if now != before:
                before = now
                break
            time.sleep(0.001)
    time.sleep(moment.pause_s)
    return not running.has_ended


def moments(chain: int) -> list[Moment]:
    """Where a chain kills: in each third of a run, and twice soon after something was stored.

    Together the chains spread their kills evenly over the time of a run.
    """
    thirds = [(third + (chain + 0.5) / _CHAINS) / 3 for third in range(3)]
    timed = [Moment(part=0.1 + 0.9 * part) for part in thirds]
    grown = [Moment(growths=1 + chain % 4, pause_s=0.05 * (chain // 4 + half)) for half in (0, 0.5)]
    return [timed[0], grown[0], timed[1], grown[1], timed[2]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "chain" in metafunc.fixturenames:
        chains = range(_CHAINS) if metafunc.config.getoption("all") else _SAMPLE
        metafunc.parametrize("chain", chains)


def test_sigkill_at_any_point_loses_no_observation(
    world: World, tmp_path: Path, chain: int
) -> None:
    held: dict[Path, bytes] = {}
    planned = moments(chain)
    assert len(planned) == _KILLS
    for moment in planned:
        held = killed(moment, world, tmp_path, held)
    if Store(tmp_path).unfinished() is not None or not list(tmp_path.glob("runs/*/seal.json")):
        go(world, tmp_path)
    else:
        dengbao("evaluate", "latest", "--store", tmp_path, env=world.env).ended(0)
    for path, before in held.items():
        assert path.read_bytes().startswith(before)
    results = results_of(tmp_path)
    assert results.run.sealed
    assert reported(results) == world.reported
    verified = dengbao("verify", "latest", "--store", tmp_path, env=world.env)
    assert verified.code == 0, verified.stdout


def killed(moment: Moment, world: World, store: Path, held: dict[Path, bytes]) -> dict[Path, bytes]:
    """What is stored after a run was killed at `moment`: all of `held`, and what came since."""
    for _ in range(20):
        running = start(*words(world, store), env=world.env)
        alive = wait_for(moment, running, store, world)
        running.signal(signal.SIGKILL)
        running.finish()
        after = whole_parts(store)
        for path, before in held.items():
            assert after[path].startswith(before), f"{path} lost what was stored"
        held = after
        if alive:
            return held
        moment = moment.earlier()
    raise AssertionError(f"no run could be killed at {moment}")


@pytest.fixture
def held(world: World) -> Iterator[Hold]:
    """While it is there no run ends by itself: the last question waits until it is gone."""
    hold = Hold(world.base / "site" / "toyplugin")
    hold.on()
    yield hold
    hold.off()


def killed_after_its_first_host(world: World, store: Path) -> Path:
    """The bundle that was finished when the run was killed."""
    running = start(*words(world, store), env=world.env)

    def ended() -> list[Path]:
        return [path for path in bundles(store) if b"\nend 0 " in path.read_bytes()]

    eventually(ended)
    running.signal(signal.SIGKILL)
    running.finish()
    return ended()[0]


def test_nothing_is_asked_twice_when_a_run_goes_on(
    world: World, tmp_path: Path, held: Hold
) -> None:
    first = killed_after_its_first_host(world, tmp_path)
    before = first.read_bytes()
    assert Store(tmp_path).unfinished() is not None
    held.off()
    go(world, tmp_path)
    assert first.read_bytes() == before


def interrupted(world: World, store: Path, held: Hold) -> Done:
    """How a run ended that was interrupted as soon as it had stored something."""
    held.on()
    before = sizes(store)
    running = start(*words(world, store), env=world.env)
    assert eventually(lambda: sizes(store) != before or held.waited_for(running))
    running.signal(signal.SIGINT)
    return running.wait()


def test_interrupted_and_resumed(world: World, tmp_path: Path, held: Hold) -> None:
    for _ in range(3):
        done = interrupted(world, tmp_path, held)
        assert done.code == 130
        assert b"Traceback" not in done.err
    held.off()
    go(world, tmp_path)
    assert reported(results_of(tmp_path)) == world.reported


@pytest.mark.parametrize("keep", [0, 1, len(frames.MAGIC) - 1, 0.2, 0.5, 0.9])
def test_a_bundle_cut_anywhere_is_continued_with_its_whole_records(
    world: World, tmp_path: Path, keep: float
) -> None:
    finished(world, tmp_path)
    (seal,) = tmp_path.glob("runs/*/seal.json")
    seal.unlink()
    first = next(bundles(tmp_path))
    raw = first.read_bytes()
    first.write_bytes(raw[: keep if isinstance(keep, int) else int(keep * len(raw))])
    before = whole_part(first)
    assert isinstance(keep, int) or len(before) > 1000
    go(world, tmp_path)
    assert first.read_bytes().startswith(before)
    assert reported(results_of(tmp_path)) == world.reported


def test_a_limit_on_files_ends_with_74_and_what_is_durable(world: World, tmp_path: Path) -> None:
    prefix = (program("prlimit"), "--fsize=4000")
    done = dengbao(*words(world, tmp_path), env=world.env, prefix=prefix)
    assert done.code == 74
    assert b"Traceback" not in done.err
    assert "cannot write" in done.stderr
    held = whole_parts(tmp_path)
    assert held
    go(world, tmp_path)
    for path, before in held.items():
        assert path.read_bytes().startswith(before)
    assert reported(results_of(tmp_path)) == world.reported


def test_a_full_disk_ends_with_74_and_is_resumed_elsewhere(world: World, tmp_path: Path) -> None:
    need_namespaces()
    store, kept = tmp_path / "store", tmp_path / "kept"
    store.mkdir()
    small, copy = shlex.quote(str(store)), shlex.quote(str(kept))
    script = (
        f"mount --make-rprivate /; mount -t tmpfs -o size=40k none {small}\n"
        f'"$@"; code=$?; cp -a {small} {copy}; exit $code'
    )
    prefix = (program("unshare"), "--mount", "sh", "-c", script, "sh")
    done = dengbao(*words(world, store), env=world.env, prefix=prefix)
    assert done.code == 74, done.stderr
    assert b"Traceback" not in done.err
    assert "No space left on device" in done.stderr
    held = whole_parts(kept)
    if Store(kept).unfinished() is None:  # not even the stamp found room
        shutil.rmtree(kept)
    go(world, kept)
    for path, before in held.items():
        assert not path.exists() or path.read_bytes().startswith(before)
    assert reported(results_of(kept)) == world.reported


def test_a_store_that_is_read_only_ends_with_74(world: World, tmp_path: Path) -> None:
    need_namespaces()
    finished(world, tmp_path)
    before = {p: p.read_bytes() for p in bundles(tmp_path)}
    place = shlex.quote(str(tmp_path))
    script = (
        f"mount --make-rprivate /; mount --bind {place} {place}; "
        f'mount -o remount,ro,bind {place}; exec "$@"'
    )
    prefix = (program("unshare"), "--mount", "sh", "-c", script, "sh")
    done = dengbao("run", "toy", "-i", world.inventory, "--store", tmp_path, "--quiet",
                   env=world.env, prefix=prefix)  # fmt: skip
    assert done.code == 74
    assert len(done.stderr.strip().split("\n")) == 1
    assert "Read-only file system" in done.stderr
    # what is there can still be read, for the results stand already
    seen = dengbao("results", "latest", "--store", tmp_path, env=world.env, prefix=prefix)
    seen.ended(0)
    assert {p: p.read_bytes() for p in bundles(tmp_path)} == before


def test_a_run_killed_before_its_stamp_was_written_is_no_run(world: World, tmp_path: Path) -> None:
    finished(world, tmp_path)
    stub = tmp_path / "runs" / "29991231T235959Z-000abc"
    (stub / "bundles").mkdir(parents=True)
    (stub / ".run.json.123").write_text("{")
    dengbao("results", "latest", "--store", tmp_path, env=world.env).ended(0)
    assert Store(tmp_path).unfinished() is None


def test_no_shell_of_a_killed_run_remains(world: World, tmp_path: Path) -> None:
    """What was started on this machine ends by itself: its pipes are closed, its time is short."""
    mark = f"n{secrets.token_hex(8)}"
    hold = tmp_path / "hold"
    hold.touch()
    source = SOURCE.replace('"n%d" % n', f'"{mark}"')
    source = source.replace("sleep 0.08;", f"while [ -e {hold} ]; do sleep 0.1; done;")
    toy(tmp_path / "site", source, ["toy.lines1"])
    env = environment(tmp_path, (tmp_path / "site",))
    run = start("run", "toy", "--store", tmp_path / "store", env=env)
    assert eventually(lambda: command_lines(mark))
    run.signal(signal.SIGKILL)
    run.finish()
    hold.unlink()
    assert eventually(lambda: not command_lines(mark))
