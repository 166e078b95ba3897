"""What useradd and pam_umask make of /etc/login.defs.

`PYTHONPATH=tests python -m recorded.login_defs`, as root, writes `login_defs_read.json`: for each
text the ages that useradd gives to a new account, the mode of its home, and the umask that
pam_umask sets for root and for two accounts whose group bears their name. /etc is replaced in a
mount namespace of its own.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

READ = Path(__file__).with_name("login_defs_read.json")
TEXTS = (
    "", "PASS_MAX_DAYS 90\n", "PASS_MAX_DAYS\t90\n", "PASS_MAX_DAYS = 90\n", "PASS_MAX_DAYS=90\n",
    " PASS_MAX_DAYS 90\n", "\tPASS_MAX_DAYS \t 90 \n", "PASS_MAX_DAYS \"90\"\n",
    "PASS_MAX_DAYS '90'\n", "PASS_MAX_DAYS 90 # why\n", "PASS_MAX_DAYS 90# why\n",
    "PASS_MAX_DAYS 90\r\n", "\ufeffPASS_MAX_DAYS 90\n", "#PASS_MAX_DAYS 90\n",
    "pass_max_days 90\n", "PASS_MAX_DAYS 90\nPASS_MAX_DAYS 99999\n",
    "PASS_MAX_DAYS 99999\nPASS_MAX_DAYS 90\n", "PASS_MAX_DAYS 090\n", "PASS_MAX_DAYS 0x5a\n",
    "PASS_MAX_DAYS 0132\n", "PASS_MAX_DAYS -1\n", "PASS_MAX_DAYS +90\n", "PASS_MAX_DAYS 90d\n",
    "PASS_MAX_DAYS ninety\n", "PASS_MAX_DAYS\n", "PASS_MAX_DAYS \\\n90\n", "PASS_MAX_DAYS 90",
    "PASS_MAX_DAYS 90 91\n", "PASS_MAX_DAYS \"90\" 91\n", "PASS_MAX_DAYS \" 90\"\n",
    "PASS_MAX_DAYS 99999999999\n", "PASS_MAX_DAYS\v90\n", "PASS_MAX_DAYS\f90\n",
    "UNKNOWN_KEY 1\nPASS_MAX_DAYS 90\n", "= 1\nPASS_MAX_DAYS 90\n",
    "PASS_MAX_DAYS 90\nPASS_MAX_DAYS\n", "PASS_MAX_DAYS 90\nPASS_MAX_DAYS x\n",
    "#" + "x" * 1100 + "\nPASS_MAX_DAYS 90\n", "X " + "y" * 1022 + "PASS_MAX_DAYS 90\n",
    "PASS_MIN_DAYS 7\n", "PASS_MIN_DAYS 7\nPASS_MAX_DAYS 90\nPASS_WARN_AGE 14\n",
    "UMASK 000\n", "UMASK 027\n", "UMASK 27\n", "UMASK 0027\n", "UMASK 077\n", "UMASK 0x17\n",
    "UMASK 022\nUMASK 077\n", "UMASK 077\nUMASK 022\n", "umask 077\n", "UMASK=077\n",
    "UMASK = 077\n", "UMASK \"077\"\n", "UMASK 077 # why\n", "UMASK 077# why\n", "UMASK 077\r\n",
    "UMASK 9\n", "UMASK x\n", "UMASK\n", "UMASK 1077\n", "UMASK 0777\n", " UMASK 077\n",
    "\tUMASK\t077\n", "UMASK 077x\n", "UMASK u=rwx,g=rx,o=\n",
    "UMASK 027\nUSERGROUPS_ENAB yes\n", "UMASK 027\nUSERGROUPS_ENAB no\n",
    "UMASK 027\nUSERGROUPS_ENAB YES\n", "UMASK 027\nusergroups_enab yes\n",
    "UMASK 027\nUSERGROUPS_ENAB=yes\n", "UMASK 022\nUSERGROUPS_ENAB yes\n",
    "UMASK 077\nUSERGROUPS_ENAB yes\n", "USERGROUPS_ENAB yes\n",
    "UMASK 000\nHOME_MODE 0700\n", "UMASK 077\nHOME_MODE 755\n", "HOME_MODE 0750\n",
)  # fmt: skip
ARGUMENTS = ("", "usergroups", "nousergroups", "umask=27 usergroups", "umask=x", "umask=077x")
ACCOUNTS = ("root", "games", "mail")
_NEEDED = ("passwd", "shadow", "group", "gshadow", "nsswitch.conf", "subuid", "subgid", "default")
_TALK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
)


class _Conversation(ctypes.Structure):
    _fields_ = (("talk", _TALK), ("data", ctypes.c_void_p))


def _session(account: str, folder: Path) -> str:
    """The umask after pam_open_session(3)."""
    library = ctypes.CDLL(ctypes.util.find_library("pam") or "libpam.so.0")
    silent, handle = _Conversation(_TALK(lambda *_: 19), None), ctypes.c_void_p()
    os.umask(0o22)
    library.pam_start_confdir(
        b"service", account.encode(), ctypes.byref(silent), str(folder).encode(),
        ctypes.byref(handle),
    )  # fmt: skip
    library.pam_open_session(handle, 0)
    return f"{os.umask(0):04o}"


def umasks(arguments: str) -> dict[str, str]:
    """The umask of each account with pam_umask and these arguments."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "service").write_text(f"session required pam_umask.so {arguments}\n")
        for account in ACCOUNTS:
            reported, tell = os.pipe()
            if os.fork() == 0:
                os.write(tell, _session(account, Path(name)).encode())
                os._exit(0)
            os.wait()
            found[account] = os.read(reported, 8).decode()
            os.close(reported)
            os.close(tell)
    return found


def added(name: str, place: Path) -> dict[str, str]:
    """What useradd gives to a new account."""
    home = place / "home"
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run(("useradd", "-m", "-d", home, name), capture_output=True, check=False)
    rows = [li.split(":") for li in Path("/etc/shadow").read_text().split("\n")]
    row = next((row for row in rows if row[0] == name), ["", "", "", "", "", ""])
    mode = f"{stat.S_IMODE(home.stat().st_mode):04o}" if home.exists() else ""
    return {"min": row[3], "max": row[4], "warn": row[5], "home": mode}


def main() -> None:
    """Writes what the programs did; calls itself in a namespace first."""
    if sys.argv[1:] != ["inside"]:
        argv = (sys.executable, "-m", "recorded.login_defs", "inside")
        subprocess.run(("unshare", "-m", *argv), check=True)
        return
    with tempfile.TemporaryDirectory(prefix="login-defs-") as name:
        place = Path(name)
        kept, etc = place / "kept", place / "etc"
        for folder in (kept, etc):
            folder.mkdir()
        for one in _NEEDED:
            source = Path("/etc") / one
            if source.is_dir():
                shutil.copytree(source, kept / one)
            elif source.exists():
                shutil.copy2(source, kept / one)
        programs = subprocess.run(
            ("dpkg-query", "-W", "-f", "${Package} ${Version}\n", "passwd", "libpam-modules"),
            capture_output=True, text=True, check=True,
        ).stdout.split("\n")[:2]  # fmt: skip
        subprocess.run(("mount", "--bind", etc, "/etc"), check=True)
        cases = []
        for text in TEXTS:
            for old in etc.iterdir():
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            shutil.copytree(kept, etc, dirs_exist_ok=True)
            (etc / "login.defs").write_bytes(text.encode())
            session = {arguments: umasks(arguments) for arguments in ARGUMENTS}
            cases.append({"text": text, "added": added("newcomer", place), "umask": session})
        subprocess.run(("umount", "/etc"), check=True)
    READ.write_text(json.dumps({"programs": programs, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
