"""Runs real login shells on start-up files and tells the TMOUT and umask that they end with.

`PYTHONPATH=tests python -m recorded.shell_startup`, as root, writes `shell_startup_ended.json`: the
outcome of every case with the version of the shells. /etc is replaced in a mount namespace of its
own. umask is 0022 before any file is read.
"""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ENDED = Path(__file__).with_name("shell_startup_ended.json")
DEBIAN = """\
if [ "$(id -u)" -eq 0 ]; then
  PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
fi
export PATH
if [ -d /etc/profile.d ]; then
  for i in /etc/profile.d/*.sh; do
    if [ -r $i ]; then
      . $i
    fi
  done
  unset i
fi
"""
_P, _D = "/etc/profile", "/etc/profile.d/"
# Each is the text of /etc/profile.
_TEXTS = (
    "umask 027\n", "umask 0027\n", "umask 00027\n", "umask 000027\n", "umask 27\n", "umask 7\n",
    "umask 0\n", "umask 777\n", "umask 1027\n", "umask 10027\n", "umask 028\n", "umask -1\n",
    "umask 027\r\n", "umask '027'\n", 'umask "027"\n', "umask \\027\n", "umask 0'27'\n",
    "umask -S 027\n", "umask -p 027\n", "umask -- 027\n", "umask -S\n", "umask\n",
    "umask 027 077\n", "umask 027 2>/dev/null\n", "umask 027 >/dev/null 2>&1\n",
    "umask u=rwx,g=rx,o=\n", "umask -S u=rwx,g=rx,o=\n", "umask u=rwx,go=\n", "umask o=\n",
    "umask g-w,o-rwx\n", "umask a=rx\n", "umask u=rwx, g=rx\n", "umask g=u,o=\n",
    "umask go-x,g+x\n",
    "umask u=rwx,g=rx,o=\r\n", "umask o-rwx,g+w\n", "umask =\n", "umask -rwx\n", "umask +rwx\n",
    "builtin umask 027\n", "command umask 027\n", "  umask\t027 # why\n", "umask 027;umask 000\n",
    "umask 027 ; # umask 000\n", "umask 027 #umask 000\n", "umask 027#x\n", "umask 077 & \n",
    "umask 000 | cat\n", "(umask 000)\n", "( umask 000 )\n", "{ umask 077; }\n", "{ umask 077;}\n",
    "x=$(umask 000)\n", "x=`umask 077`\n", "echo umask 000\n", "echo 'a\numask 000\n'\n",
    "cat >/dev/null <<E\numask 000\nE\n", "alias x='umask 000'\n", "true && umask 077\n",
    "false && umask 077\n", "false || umask 077\n", "! umask 077\n", "time umask 077\n",
    "X=1 umask 077\n", "UMASK=077\n", "eval umask 077\n", "eval 'umask 077'\n",
    "M=077\numask $M\n", "umask $(echo 077)\n", "umask \\\n077\n", "uma\\\nsk 077\n",
    "umask 0\\\n77\n", "# x \\\numask 077\n", "umask 027\n\ufeff", "\ufeffumask 077\n",
    "umask 077; return; umask 000\n", "return 0\numask 077\n", "exec true\numask 077\n",
    "if true; then umask 077; fi\n", "if false\nthen umask 077\nelse umask 027\nfi\n",
    "case x in x) umask 077;; esac\n", "case x in\n(x) umask 077;;\nesac\n",
    "case x in x) ;; esac; umask 077\n", "for i in 1; do umask 077; done\n",
    "while true; do umask 077; break; done\n", "f() { umask 000; }\n", "f() { umask 077; }\nf\n",
    "f() (umask 000)\numask 077\n", "function f { umask 000; }\numask 077\n",
    "f()\n{\numask 000\n}\numask 077\n", "umask() { :; }\numask 000\n",
    "alias umask=:\numask 077\n",
    "set -e\nfalse\numask 077\n", ". /etc/more\n", "source /etc/more\n", "test x && . /etc/more\n",
    "if [ -f /etc/more ]; then . /etc/more; fi\n", "umask 077\nif x; then\n", "umask 077\n)\n",
    "x='a\numask 077\n", "umask 0x1f\n", "umask 0o27\n", "umask ''\n", "umask 077 && true\n",
    "umask 999 || umask 077\n", "[ 1 = 1 ] && { umask 077; }\numask 027\n",
    "trap 'umask 000' EXIT\n", "echo ${x#umask} \numask 077\n", "umask 077 # \\\numask 000\n",
    "TMOUT=600\n", "TMOUT=600; export TMOUT\n", "export TMOUT=600\n", "readonly TMOUT=600\n",
    "readonly TMOUT=600\nTMOUT=0\n", "readonly TMOUT=600\nunset TMOUT\n",
    "readonly TMOUT=600\nunset TMOUT; umask 077\n", "readonly TMOUT=600\nTMOUT=0; umask 077\n",
    "readonly TMOUT=600\nexport TMOUT=0\n", "readonly TMOUT\nTMOUT=600\n",
    "readonly TMOUT\nTMOUT=600\numask 077\n", "typeset -r TMOUT=600\n", "typeset -xr TMOUT=600\n",
    "declare -rx TMOUT=600\nTMOUT=5\n", "declare -r -x TMOUT=600\n", "typeset TMOUT=600\n",
    "typeset -i TMOUT=600\n", "typeset -i TMOUT=60*10\n", "declare +x TMOUT=600\n",
    "TMOUT=600\ntypeset -r TMOUT\nTMOUT=0\n", "TMOUT=600 readonly TMOUT\n",
    "TMOUT=600\nunset TMOUT\n",
    "TMOUT=600\nunset -v TMOUT\n", "TMOUT=600\nunset X TMOUT\n", "TMOUT=600\nunset -f TMOUT\n",
    "TMOUT=600\nexport -n TMOUT\n", "TMOUT=600\nTMOUT=\n", "TMOUT=600\nTMOUT=''\n", "TMOUT =600\n",
    "TMOUT= 600\n", "TMOUT=600 true\n", "TMOUT=600 X=1\n", "X=1 TMOUT=600\n", "X=1; TMOUT=600\n",
    "X=$(true) TMOUT=600\n", "X='a b' TMOUT=600\n", "export X TMOUT=600\n",
    "export TMOUT=600 X=1\n",
    "TMOUT=600 TMOUT=0\n", "export TMOUT=600 TMOUT=0\n", "TMOUT=\"600\"\n", "TMOUT='600'\n",
    "TMOUT=6'0'0\n", "TMOUT=\\600\n", "TMOUT=$((60*10))\n", "let TMOUT=600\n", "((TMOUT=600))\n",
    "TMOUT=600\nTMOUT+=0\n", "TMOUT=600\nexport TMOUT+=0\n", ": ${TMOUT:=600}\n",
    "export TMOUT=${TMOUT:-600}\n", "XTMOUT=600\n", "TMOUT_X=600\n", "tmout=600\n",
    "TMOUT[0]=600\n", "declare -g TMOUT=600\n", "read TMOUT <<E\n600\nE\n", "printf -v TMOUT 600\n",
    "local TMOUT=600\n", "export \"TMOUT=600\"\n", "export 'TMOUT'=600\n", "'TMOUT'=600\n",
    "export -- TMOUT=600\n", "readonly -- TMOUT=600\n", "builtin export TMOUT=600\n",
    "command readonly TMOUT=600\n", "eval TMOUT=600\n", "set -a; TMOUT=600\n", "TMOUT=600\r\n",
    "export TMOUT\r\nTMOUT=600\r\n", "\ufeffTMOUT=600\n", "TMOUT=600;\n", "TMOUT=600&\n",
    "TMOUT=600 # x\n", "TMOUT=600#x\n", "if true; then readonly TMOUT=600; fi\nTMOUT=0\n",
    "if true; then readonly TMOUT=600; fi\nTMOUT=300\n", "f() { TMOUT=600; }; f\n",
    "f() { local TMOUT=0; }; TMOUT=600; f\n", "( TMOUT=600 )\n", "TMOUT=600 | true\n",
    "{ TMOUT=600; }\n", "[[ -n x ]] && TMOUT=600 || TMOUT=0\n", "TMOUT=300\nTMOUT=${TMOUT}0\n",
    "for TMOUT in 600; do :; done\n", "TMOUT=60\\\n0\n",
    "for x in TMOUT; do readonly $x=600; done\n",
)  # fmt: skip
_MORE: dict[str, dict[str, str]] = {
    "profile.d comes later": {_P: "umask 027\n" + DEBIAN, _D + "a.sh": "umask 000\n"},
    "profile.d comes first": {_P: DEBIAN + "umask 027\n", _D + "a.sh": "umask 000\n"},
    "the later name": {_P: DEBIAN, _D + "a.sh": "umask 077\n", _D + "b.sh": "umask 000\n"},
    "numbers": {_P: DEBIAN, _D + "9.sh": "umask 077\n", _D + "10.sh": "umask 000\n"},
    "capitals": {_P: DEBIAN, _D + "Z.sh": "umask 077\n", _D + "a.sh": "umask 000\n"},
    "not .sh": {_P: DEBIAN, _D + "a": "umask 077\n", _D + "b.csh": "umask 077\n"},
    "a hidden file": {_P: DEBIAN, _D + ".a.sh": "umask 077\n"},
    "nobody reads it": {_P: "umask 027\n", _D + "a.sh": "umask 000\n"},
    "a way out of a drop-in": {_P: DEBIAN, _D + "a.sh": "return\n", _D + "b.sh": "umask 077\n"},
    "an end in a drop-in": {
        _P: DEBIAN + "umask 027\n", _D + "a.sh": "x=$(\n", _D + "b.sh": "umask 077\n",
    },
    "readonly in a drop-in": {
        _P: DEBIAN, _D + "a.sh": "readonly TMOUT=600\n", _D + "b.sh": "TMOUT=0\numask 077\n",
    },
    "readonly in a drop-in, unset in the next": {
        _P: DEBIAN + "umask 077\n", _D + "a.sh": "readonly TMOUT=600\n",
        _D + "b.sh": "unset TMOUT\n",
    },
    "readonly in a drop-in, another value in /etc/profile": {
        _P: DEBIAN + "TMOUT=0\numask 077\n", _D + "a.sh": "declare -xr TMOUT=600\n",
    },
    "a guard that is not met": {_P: "! [ -r /etc/more ] && . /etc/more\numask 027\n"},
    "a guard turned round": {_P: "umask 027\nif ! [ -r /etc/more ]; then . /etc/more; fi\n"},
    "or": {_P: "umask 027\n[ -r /etc/more ] || . /etc/more\n"},
    "and": {_P: "umask 027\n[ -r /etc/more ] && . /etc/more\n"},
    "a guard with test": {_P: "umask 027\ntest -s /etc/more && . /etc/more\n"},
    "a guard of another file": {_P: "umask 027\ntest -s /etc/none && . /etc/more\n"},
    "a guard in elif": {
        _P: "umask 027\nif true; then :\nelif [ -r /etc/more ]; then . /etc/more\nfi\n",
    },
    "a guard in else": {_P: "umask 027\nif true; then :; else . /etc/more; fi\n"},
    "two guards": {_P: "umask 027\ntrue && [ -r /etc/more ] && . /etc/more\n"},
    "sourced, then set": {_P: ". /etc/more\numask 027\n"},
    "set, then sourced": {_P: "umask 000; TMOUT=600\n. /etc/more\n"},
    "quoted": {_P: "umask 000\n. \"/etc/more\"\n"},
    "by a variable": {_P: "umask 027\nF=/etc/more\n. $F\n"},
    "by command": {_P: "umask 027\ncommand . /etc/more\n"},
    "with output": {_P: "umask 027\n. /etc/more >/dev/null 2>&1\n"},
    "in the background": {_P: "umask 027\n. /etc/more &\n"},
    "in a pipe": {_P: "umask 027\n. /etc/more | cat\n"},
    "in a subshell": {_P: "umask 027\n( . /etc/more )\n"},
    "in a substitution": {_P: "umask 027\nX=$(. /etc/more)\n"},
    "in braces": {_P: "umask 027\n{ . /etc/more; }\n"},
    "in a function": {_P: "umask 027\nf() { . /etc/more; }\n"},
    "in a function that runs": {_P: "umask 027\nf() { . /etc/more; }\nf\n"},
    "over two levels": {_P: "umask 027\n. /etc/one\n", "/etc/one": ". /etc/two\n",
                        "/etc/two": "umask 000\nTMOUT=5\n"},
    "returns": {_P: "umask 027\n. /etc/one\numask 077\n", "/etc/one": "return\numask 000\n"},
    "behind a return": {_P: "umask 027\nreturn\n. /etc/more\n"},
    "of a loop": {_P: "umask 027\nfor f in /etc/one /etc/more; do . $f; done\n",
                  "/etc/one": "umask 000\n"},
    "of a loop with a guard": {_P: "umask 000\nfor f in /etc/more; do [ -r $f ] && . $f; done\n"},
    "of a loop that does not source": {_P: "umask 027\nfor f in /etc/more; do echo $f; done\n"},
    "drop-ins by another pattern": {
        _P: "umask 027\nfor f in /etc/profile.d/b*.sh; do . $f; done\n",
        _D + "a.sh": "umask 000\n", _D + "b.sh": "umask 077\n",
    },
    "drop-ins in the order of patterns": {
        _P: "umask 027\nfor f in /etc/profile.d/*.sh /etc/profile.d/a.local; do . $f; done\n",
        _D + "a.local": "umask 077\n", _D + "b.sh": "umask 000\n",
    },
    "drop-ins that are listed only": {
        _P: "umask 027\nfor f in /etc/profile.d/*.sh; do echo $f; done\n",
        _D + "a.sh": "umask 000\n",
    },
    "drop-ins behind a pipe": {
        _P: "umask 027\nls /etc/profile.d/*.sh | while read f; do . $f; done\n",
        _D + "a.sh": "umask 000\n",
    },
    "drop-ins of ls": {
        _P: "umask 027\nfor f in $(ls /etc/profile.d/*.sh); do . $f; done\n",
        _D + "a.sh": "umask 000\n",
    },
    "one drop-in by its name": {
        _P: "umask 027\n. /etc/profile.d/a.sh\n", _D + "a.sh": "umask 077\n",
        _D + "b.sh": "umask 000\n",
    },
    "two branches, as RHEL has": {
        _P: "for i in /etc/profile.d/*.sh /etc/profile.d/sh.local ; do\n if [ -r \"$i\" ]; then\n"
            "  if [ \"${-#*i}\" != \"$-\" ]; then\n   . \"$i\"\n  else\n   . \"$i\" >/dev/null\n"
            "  fi\n fi\ndone\nunset i\n",
        _D + "z.sh": "umask 000\n", _D + "sh.local": "umask 077\n",
    },
    "a drop-in that sources": {
        _P: DEBIAN, _D + "a.sh": "umask 000\n. /etc/more\n", _D + "b.sh": "TMOUT=600\n",
    },
    "read-only, then sourced": {
        _P: "TMOUT=600; readonly TMOUT\n. /etc/one\n", "/etc/one": "TMOUT=0\numask 077\n",
    },
    "a file that is not there": {_P: "umask 027\n[ -r /etc/profile.local ] && "
                                     ". /etc/profile.local\n"},
    "a default in profile.d": {
        _P: "TMOUT=300\n" + DEBIAN, _D + "a.sh": "export TMOUT=${TMOUT:-0}\n",
    },
}  # fmt: skip
MORE_FILE = {"/etc/more": "umask 077\n"}
CASES = {text: {_P: text} for text in _TEXTS} | _MORE
_TELL = "echo \"@@${TMOUT-unset}\"; umask; readonly -p | grep -c ' TMOUT=' "
# In the place of seconds: bash goes by what atoi(3) makes of TMOUT.
VALUES = ("1", "01", "+1", " 1", "\t1", "1 ", "1x", "1.9", "1\r", "0x1", "x1", "-1", "0", "")


def ended(shell: str, files: dict[str, str]) -> dict[str, str | bool] | None:
    """What a login shell ends with: TMOUT or `unset`, umask; None where it does not come so far."""
    folder = Path(tempfile.mkdtemp(prefix="startup-"))
    try:
        (folder / "profile.d").mkdir()
        for path, text in (files | MORE_FILE).items():
            (folder / path.removeprefix("/etc/")).write_bytes(text.encode())
        argv = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"', str(folder)]
        reported = subprocess.run(
            [*argv, shell, "-l", "-c", _TELL], capture_output=True, text=True, timeout=20,
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}, umask=0o022, check=False,
        )  # fmt: skip
    finally:
        shutil.rmtree(folder)
    rows = reported.stdout.rpartition("@@")[2].split("\n")
    if "@@" not in reported.stdout or len(rows) < 3:
        return None
    return {"tmout": rows[0], "umask": rows[1], "readonly": rows[2] == "1"}


def timed_out(value: str) -> bool:
    """Whether an idle interactive bash with this TMOUT ends within three seconds."""
    process, terminal = pty.fork()
    if process == 0:
        argv = ("bash", "--norc", "--noprofile", "-i")
        os.execve("/bin/bash", argv, {"TMOUT": value, "HISTFILE": ""})
    until, heard = time.monotonic() + 3, b""
    while time.monotonic() < until and b"timed out" not in heard:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                heard += os.read(terminal, 4096)
            except OSError:
                break
    os.close(terminal)
    os.waitpid(process, 0)
    return b"timed out" in heard


def _version(package: str) -> str:
    argv = ("dpkg-query", "-W", "-f", "${Package} ${Version}", package)
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Writes what bash and dash did."""
    cases = [
        {"name": name, "files": files, "bash": ended("bash", files), "dash": ended("dash", files)}
        for name, files in CASES.items()
    ]
    found = {
        "programs": [_version("bash"), _version("dash")],
        "cases": cases,
        "timed_out": {value: timed_out(value) for value in VALUES},
    }
    ENDED.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
