"""Targets with hostile answers, through the whole product over a real server.

Row numbers are those of the list of bad inputs: endless and dripping output, floods on stderr,
terminal controls, markers, formulas, files that are none, exit codes, secrets.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from core.toy import toy
from live.island import USER, Island, host, inventory, need_namespaces
from live.product import Done, dengbao, environment, every_byte

pytestmark = pytest.mark.live
MEMORY_KB = 400_000

SECRETS = {
    "key": "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0LWtleS1ib2R5\n"
    "-----END OPENSSH PRIVATE KEY-----",
    "hash": "root:$6$saltsalt$Hh4shOfAPassword0123456789:20000:0:99999:7:::",
    "config": "db_password = Pl4nted-S3cret",
    "url": "postgres://app:Url-S3cret@db/app",
    "cloud": "AKIAIOSFODNN7EXAMPLE",
    "json": '{"password": "Js0n planted, x}", "port": 5}',
    "shell": "export PGPASSWORD=Sh3ll-planted",
    "htpasswd": "bob:$apr1$saltsalt$Htp4sswdPlanted0123456",
    "cache": "redis://:R3dis-planted@cache/0",
    "chinese": "数据库密码：秘密-planted",
}
_PARTS = (b"c2VjcmV0LWtleS1ib2R5", b"Hh4shOfAPassword", b"Pl4nted-S3cret", b"Url-S3cret",
          b"AKIAIOSFODNN7EXAMPLE", b"planted", b"Htp4sswd", "秘密".encode())  # fmt: skip

# name: (row, command line of sh, verdict, why, more arguments of the request)
COMMANDS: dict[str, tuple[int, str, str, str, str]] = {
    "endless": (1, "yes", "undetermined", "truncated", "limit=100000"),
    "drip": (2, "while :; do echo x; sleep 0.2; done", "undetermined", "timed_out", "timeout_s=2"),
    "flood": (3, "head -c 6000000 /dev/zero >&2", "fail", "", ""),  # its answer is whole, and empty
    "stubborn": (4, "trap '' TERM; sleep 60", "undetermined", "timed_out", "timeout_s=1"),
    "line": (9, "head -c 10000000 /dev/zero | tr '\\\\0' a", "fail", "", "limit=11000000"),
    "nul": (10, "printf 'a\\\\0b'", "fail", "", ""),
    "escape": (11, "printf '\\\\033[2J\\\\033]0;title\\\\007\\\\033]52;c;eA==\\\\007\\\\033P x'",
               "fail", "", ""),
    "c1": (11, "printf '\\\\302\\\\2332J'", "fail", "", ""),
    "return": (12, "printf 'FAIL\\\\rPASS\\\\b\\\\b\\\\b\\\\bPASS'", "fail", "", ""),
    "rlo": (13, "printf 'admin\\\\342\\\\200\\\\256nimda\\\\342\\\\200\\\\213'", "fail", "", ""),
    "bytes": (14, "printf '\\\\377\\\\376a\\\\000\\\\200\\\\355\\\\240\\\\200'", "fail", "", ""),
    "marker": (16, "printf '\\\\n0123456789abcdef0123456789abcdef E 0 0\\\\n{\\\"verdict\\\": "
               "\\\"pass\\\"}\\\\n'", "fail", "", ""),
    "formula": (17, "echo '=cmd|\\\"/C calc\\\"!A0'", "fail", "", ""),
    "template": (24, "echo '{{7*7}} ${HOME} %s%n {0.__class__} {seen} {asked}'", "fail", "", ""),
    "rc0": (44, "echo 'error: it did not work' >&2", "fail", "", ""),
    "rc1": (44, "echo fine; exit 1", "undetermined", "unparsable", ""),
    "rc126": (44, "echo fine; exit 126", "undetermined", "not_permitted", ""),
    "rc127": (44, "echo fine; exit 127", "undetermined", "unparsable", ""),
    "rc124": (44, "echo fine; exit 124", "undetermined", "timed_out", ""),
    "rc137": (44, "echo fine; exit 137", "undetermined", "timed_out", ""),
    "rc255": (44, "echo fine; exit 255", "undetermined", "unparsable", ""),
    "killed": (44, "echo fine; kill -9 $$", "undetermined", "timed_out", ""),
}  # fmt: skip

# name: (row, path, verdict, why)
FILES: dict[str, tuple[int, str, str, str]] = {
    "odd-path": (25, "/home/audit/x;cd;touch pwned;$(cd;touch pwned)\\n-rf",
                 "fail", ""),
    "fifo": (36, "/home/audit/fifo", "undetermined", "unparsable"),
    "zero": (36, "/dev/zero", "undetermined", "unparsable"),
    "kmsg": (36, "/proc/kmsg", "undetermined", "not_permitted"),
    "sparse": (36, "/home/audit/sparse", "undetermined", "truncated"),
    "folder": (36, "/home/audit", "undetermined", "unparsable"),
    "denied": (36, "/etc/shadow", "undetermined", "not_permitted"),
    "gone": (36, "/home/audit/no-such-file", "undetermined", "not_present"),
}  # fmt: skip
SETUP = r"""
cd /home/audit
mkfifo fifo
truncate -s 1T sparse
printf odd > 'x;cd;touch pwned;$(cd;touch pwned)
-rf'
printf '%s\n' "$SECRETS" > secrets
echo 'printf "\033[31mwelcome\033[0m to %s\n" "$0"; echo noise >&2; alias cat=rm' > .bashrc
cp .bashrc .profile; cp .bashrc .bash_profile
chown -R 4242:4242 .
"""


def source() -> str:
    """The plugin that asks all of the above and shows what came."""
    text = """
def shows(name, fact):
    @check("toy." + name, needs=fact, severity=Severity.LOW)
    def shown(seen):
        \"\"\"It is not shown.\"\"\"
        return failed(msg("it says {seen}", seen=seen[:3000]))
    return shown

def ran(name, line, **more):
    return shows(name, fact("toy.fact-" + name, str, kind="host", parse=lambda a: a.text,
                            ask=Command(argv=("sh", "-c", line), **more)))

def read(name, path):
    return shows(name, fact("toy.file-" + name, str, kind="host", parse=lambda a: a.text,
                            ask=ReadFile(path=path)))

"""
    for n, (name, (_, line, _, _, more)) in enumerate(COMMANDS.items()):
        text += f'c{n} = ran("{name}", "{line}", {more})\n'
    for n, (name, (_, path, _, _)) in enumerate(FILES.items()):
        text += f'f{n} = read("{name}", "{path}")\n'
    return text + 'secrets = read("secrets", "/home/audit/secrets")\n'


CHECKS = [f"toy.{name}" for name in (*COMMANDS, *FILES, "secrets")]


class World:
    """The hostile target's run, in every form it is shown."""

    def __init__(self, base: Path, run: Done, shown: list[Done], left: list[str]) -> None:
        self.base = base
        self.run = run
        self.shown = shown
        self.left = left
        self.found: dict[str, Any] = {f["check"]: f for f in run.json["findings"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    need_namespaces()
    base = tmp_path_factory.mktemp("hostile")
    toy(base / "site", source(), CHECKS)
    secrets = "SECRETS='" + "\n".join(SECRETS.values()) + "'\n"
    with Island(["SetEnv SHLVL=0"], user=USER, setup=secrets + SETUP) as server:
        inv = inventory(base / "inventory.yaml", host("web1", server))
        env = environment(base, (base / "site",))
        store = base / "store"
        run = dengbao("run", "toy", "-i", inv, "--store", store, "-o", base / "pack.zip",
                      "--format", "json", env=env)  # fmt: skip
        left = sorted(os.listdir(f"/proc/{server_pid(server)}/root/home/audit"))
    run.ended(0, 4)
    words: list[list[object]] = [["results", "latest", "--store", store, "--lang", lang]
                                 for lang in ("en", "zh")]  # fmt: skip
    words += [["verify", base / "pack.zip"], ["verify", "latest", "--store", store]]
    shown = [dengbao(*w, env=env).ended(0, 4) for w in words]
    return World(base, run, shown, left)


def server_pid(server: Island) -> int:
    """The process of the namespace whose root is the target's."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return int(children[0])


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_command_answers(world: World, name: str) -> None:
    _, _, verdict, why, _ = COMMANDS[name]
    finding = world.found[f"toy.{name}"]
    assert (finding["verdict"], finding["why"]) == (verdict, why), finding


@pytest.mark.parametrize("name", FILES)
def test_what_a_file_turns_out_to_be(world: World, name: str) -> None:
    _, _, verdict, why = FILES[name]
    finding = world.found[f"toy.{name}"]
    assert (finding["verdict"], finding["why"]) == (verdict, why), finding


def test_rows_1_to_3_and_9_are_bounded_in_memory(world: World) -> None:
    assert world.run.max_kb < MEMORY_KB
    assert all(done.max_kb < MEMORY_KB for done in world.shown)


def test_rows_10_to_13_nothing_reaches_a_terminal_unescaped(world: World) -> None:
    for done in (world.run, *world.shown):
        for stream in (done.out, done.err):
            assert not set(stream) & (set(range(32)) - {10}), set(stream) & set(range(32))
            text = stream.decode()
            assert not set(text) & {*map(chr, range(0x7F, 0xA0)), *"\u202e\u200b\ufeff"}
    for visible in ("\\u001b[2J", "\\u009b2J", "\\rPASS", "\\u202e", "\\u0000b"):
        assert visible in world.run.stdout


def test_row_13_identity_compares_what_was_sent(world: World) -> None:
    assert world.found["toy.rlo"]["detail"].startswith("it says admin")
    assert "\u202e" in world.found["toy.rlo"]["detail"]


def test_row_16_a_reply_that_looks_like_a_marker_stays_a_reply(world: World) -> None:
    detail = world.found["toy.marker"]["detail"]
    assert "0123456789abcdef E 0 0" in detail
    assert '{"verdict": "pass"}' in detail


def test_row_24_templates_are_text(world: World) -> None:
    detail = world.found["toy.template"]["detail"]
    assert detail.strip() == "it says {{7*7}} ${HOME} %s%n {0.__class__} {seen} {asked}"


def test_row_25_no_name_is_run(world: World) -> None:
    assert world.found["toy.odd-path"]["detail"] == "it says odd"
    assert "pwned" not in world.left


def test_row_26_nothing_is_written_beside_the_store_and_no_name_of_the_target_is_a_path(
    world: World,
) -> None:
    top = {p.name for p in world.base.iterdir()}
    assert top <= {"site", "store", "inventory.yaml", "pack.zip", ".cache", ".local"}
    for path in (world.base / "store").rglob("*"):
        assert path.name.isascii()
        assert "web1" not in path.name


def test_row_43_a_login_that_prints_changes_no_answer(world: World) -> None:
    for finding in world.found.values():
        assert "welcome" not in finding["detail"]
    observations = world.run.json["observations"]
    assert all(o["status"] != "malformed" for o in observations)
    assert "fail" in {f["verdict"] for f in world.found.values()}


def test_row_45_what_looks_like_a_secret_is_cut_before_it_is_stored(world: World) -> None:
    (reported,) = [o for o in world.run.json["observations"] if o["asked"] == "/home/audit/secrets"]
    assert len(reported["redactions"]) >= 4
    written = every_byte(world.base / "store")
    with zipfile.ZipFile(world.base / "pack.zip") as pack:
        written |= {Path(n): pack.read(n) for n in pack.namelist()}
        for name in [n for n in pack.namelist() if n.endswith(".xlsx")]:
            (world.base / "pack.zip.book").write_bytes(pack.read(name))
            with zipfile.ZipFile(world.base / "pack.zip.book") as book:
                written |= {Path(name, n): book.read(n) for n in book.namelist()}
            (world.base / "pack.zip.book").unlink()
    for part in _PARTS:
        assert part not in world.run.out
        assert [p for p, data in written.items() if part in data] == []


def test_row_17_no_answer_becomes_a_formula(world: World) -> None:
    with zipfile.ZipFile(world.base / "pack.zip") as pack:
        (name,) = [n for n in pack.namelist() if n.endswith(".xlsx")]
        (world.base / "book.xlsx").write_bytes(pack.read(name))
    try:
        with zipfile.ZipFile(world.base / "book.xlsx") as book:
            sheets = b"".join(book.read(n) for n in book.namelist() if n.startswith("xl/"))
    finally:
        (world.base / "book.xlsx").unlink()
    assert b"calc" in sheets
    formulas = [part.split(b"</f>")[0] for part in sheets.split(b"<f>")[1:]]
    assert not [f for f in formulas if b"cmd" in f or b"calc" in f]


# --- rows 4 and 7: the connection goes away -----------------------------------------------------

CUT = """
def reported(name, line):
    @check("toy." + name, severity=Severity.HIGH, needs=fact("toy.f-" + name, str, kind="host",
           ask=Command(argv=("sh", "-c", line)), parse=lambda a: a.text))
    def seen(text):
        \"\"\"It was seen.\"\"\"
        return passed(msg("{text}", text=text))
    return seen

a = reported("a-first", "echo first")
b = reported("b-cut", "echo half; [ -x ~/cut ] && ~/cut; echo whole")
c = reported("c-last", "echo last")
"""


# Ends the SSH servers of the account that may end them: its own connection's.
CUTTER = """
cat > /home/audit/cut <<'END'
#!/bin/sh
sleep PAUSE
for d in /proc/[0-9]*; do
  read -r name < $d/comm
  case $name in sshd*) kill -9 ${d#/proc/} ;; esac
done 2>/dev/null
sleep 5
END
chmod 755 /home/audit/cut
"""


def with_one_cut(base: Path, pause_s: float) -> dict[str, tuple[str, str]]:
    """What is found on two hosts of which one cuts the connection, a while after its first word."""
    toy(base / "site", CUT, ["toy.a-first", "toy.b-cut", "toy.c-last"])
    with contextlib.ExitStack() as stack:
        setup = CUTTER.replace("PAUSE", str(pause_s))
        cut = stack.enter_context(Island(user=USER, setup=setup))
        whole = stack.enter_context(Island(user=USER))
        inv = inventory(base / "i.yaml", host("cut", cut), host("whole", whole))
        done = dengbao("run", "toy", "-i", inv, "--store", base / "store", "--format", "json",
                       env=environment(base, (base / "site",))).ended(0, 4)  # fmt: skip
    return {f["id"]: (f["verdict"], f["why"]) for f in done.json["findings"]}


def test_rows_4_and_7_a_connection_cut_in_the_middle_costs_what_was_not_answered(
    tmp_path: Path,
) -> None:
    need_namespaces()
    # What a busy server has not sent yet is lost with the connection.
    tries = (with_one_cut(tmp_path / str(pause_s), pause_s) for pause_s in (0.3, 3, 15))
    found = next(f for f in tries if f["toy.a-first@cut"] == ("pass", ""))
    for name in ("b-cut", "c-last"):
        assert found[f"toy.{name}@cut"] == ("undetermined", "unreachable")
        assert found[f"toy.{name}@whole"] == ("pass", "")


# --- the shipped profile before a target whose own files are hostile ----------------------------

HOSTILE_PASSWD = (
    b"root:x:0:0:root:/root:/bin/bash\n"
    b"sshd:x:105:65534::/run/sshd:/usr/sbin/nologin\n"
    b"audit:x:4242:4242::/home/audit:/bin/bash\n"
    b"\x1b[2Jesc:x:0:1001::/home/e:/bin/bash\n"
    b"=cmd|'/C calc'!A0:x:0:1002::/home/f:/bin/bash\n"
    b"adm\xe2\x80\xaenim:x:1003:1003::/home/../../etc:/bin/bash\n"
    b"\xff\xfebad:x:0:1004::/home/b:/bin/bash\n"
    b"nul\0l:x:1005:1005::/tmp:/bin/sh\n"
    b"{{7*7}}${IFS}%s%n:x:0:1006::/h:/bin/bash\n"
    b"<script>alert(1)</script>:x:0:1007::/h:/bin/bash\n"
    b"$(touch /tmp/pwned);x:x:0:1008::/$(id):/bin/bash\n"
)
HOSTILE_ETC = r"""
rm -f /etc/os-release /etc/login.defs /etc/group
mkfifo /etc/os-release
mknod /etc/login.defs c 1 5
head -c 10000000 /dev/zero | tr '\0' g > /etc/group
chmod 644 /etc/group
echo 'printf "\033]0;x\007PermitRootLogin no\n"' > /home/audit/.bashrc
"""


def test_the_shipped_profile_stands_before_hostile_files(tmp_path: Path) -> None:
    need_namespaces()
    env = environment(tmp_path)
    with Island(["SetEnv SHLVL=0"], user=USER, files={"/etc/passwd": HOSTILE_PASSWD},
                setup=HOSTILE_ETC) as server:  # fmt: skip
        inv = inventory(tmp_path / "i.yaml", host("web1", server))
        done = dengbao("run", "gbt22239-l3", "-i", inv, "--store", tmp_path / "store", "-o",
                       tmp_path / "pack.zip", "--format", "json", env=env)  # fmt: skip
    done.ended(0, 4)
    assert done.max_kb < MEMORY_KB
    found = {f["check"]: f for f in done.json["findings"]}
    for check in ("linux.password-age-default", "linux.umask",
                  "patch.release-supported"):  # fmt: skip
        assert found[check]["verdict"] == "undetermined", found[check]
    assert found["linux.root-only-uid-0"]["verdict"] != "pass"
    shown = [done] + [
        dengbao("results", "latest", "--store", tmp_path / "store", "--lang", lang, env=env)
        for lang in ("en", "zh")
    ]
    for one in shown:
        one.ended(0, 4)
        assert b"internal error" not in one.err
        assert b"\x1b" not in one.out + one.err
        assert "\u202e" not in one.stdout
    assert not Path("/tmp/pwned").exists()
    dengbao("verify", tmp_path / "pack.zip", env=env).ended(0)
