"""Asks the real pam_faillock what a faillock.conf does: after how many failures, and for how long.

`PYTHONPATH=tests python -m recorded.faillock`, as root, writes `faillock_did.json`: the outcome of
every case with the version. Each case runs in a mount namespace of its own, in which /etc/security
holds its file and the counts start empty.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

DID = Path(__file__).with_name("faillock_did.json")
_SIX = "deny = 6\nunlock_time = 400\nfail_interval = 500\n"
CASES = (
    "", _SIX, "deny=6\nunlock_time=400\n", "deny 6\n", "deny\t6\n", "deny\t=\t6\n", "\tdeny = 6\n",
    "deny == 6\n", "deny = = 6\n", "deny= 6 \n", "deny =6\t\n", "deny:6\n", "deny = 6", "= 6\n",
    "deny = 6 # why\n", "deny = 6# why\n", "#deny = 6\n", "deny # = 6\n", "deny = #6\n",
    " # x\ndeny = 6\n", "; x\ndeny = 6\n", "[faillock]\ndeny = 6\n", "deny = \\\n6\n",
    "deny = 6 \\\nunlock_time = 400\n", "# x \\\ndeny = 6\n", "Deny = 6\n", "DENY = 6\n",
    "deny = 6\r\n", "deny\r= 6\n", "deny = 6\runlock_time = 400\n", "\ufeffdeny = 6\n",
    "\ufeff\ndeny = 6\n", "deny\u00a0= 6\n", "deny\v=\f6\n", "deny = '6'\n", 'deny = "6"\n',
    "deny = 06\n", "deny = 010\n", "deny = 0x6\n", "deny = +6\n", "deny = -1\n", "deny = -6\n",
    "deny = 6.9\n", "deny = 6x\n", "deny = x6\n", "deny =\n", "deny\n", "deny = 0\n", "deny = 1\n",
    "deny = 65536\n", "deny = 65542\n", "deny = 4294967302\n", "deny = 99999999999999999999\n",
    "deny = 6 7\n", "deny = 6\ndeny = 8\n", "deny = 6\ndeny = x\n", "deny = 6\ndeny = \n",
    "dney = 4\ndeny = 6\n", "deny_root = 4\n", "deny6\n", "denyx = 6\n", "deny-6\n",
    "unlock_time = 400\n", "unlock_time = 0\n", "unlock_time = never\n", "unlock_time = NEVER\n",
    "unlock_time = never x\n", "unlock_time = neverx\n", "unlock_time = 604800\n",
    "unlock_time = 604801\n", "unlock_time = -1\n", "unlock_time = 10m\n", "unlock_time\n",
    "unlock_time = 400\nunlock_time = 604801\n", "fail_interval = 500\n", "fail_interval = 0\n",
    "fail_interval = never\n", "fail_interval = 604801\n", "fail_interval = 5m\n",
    "even_deny_root\n", "even_deny_root = no\n", "even_deny_root = 0\n", "even_deny_root=\n",
    "Even_deny_root\n", "even_deny_root # x\n", "#even_deny_root\n", "even_deny_root\r\n",
    "even_deny_root x\n", "even_deny_rootx\n", "even-deny-root\n", "even_deny_root unlock_time=1\n",
    "root_unlock_time = 300\n", "root_unlock_time\n", "root_unlock_time = x\n",
    "root_unlock_time = 0\n", "root_unlock_time = never\n", "root_unlock_time = 604801\n",
    "even_deny_root\nroot_unlock_time = 300\n", "even_deny_root\nunlock_time = 400\n",
    "root_unlock_time = 300\nunlock_time = 400\n", "unlock_time = 400\nroot_unlock_time = 300\n",
    "even_deny_root\nunlock_time = never\n", "even_deny_root\nroot_unlock_time = x\n",
    "unlock_time = 400\neven_deny_root\n", "admin_group = nogroup\n", "admin_group nogroup\n",
    "admin_group = nogroup\neven_deny_root\n", "admin_group = nogroup x\n", "admin_group =\n",
    "admin_group = no_such_group\n", "admin_group = nogroup\nroot_unlock_time = 300\n",
    "local_users_only\n", "local_users_only = no\ndeny = 6\n", "nodelay\naudit\nsilent\ndeny = 6\n",
    "audit = x\ndeny = 6\n", "no_log_info\ndeny = 6\n", "dir = /run/faillock\ndeny = 6\n",
    "conf = /x\ndeny = 6\n", "authfail\n", "x" * 1000 + " = 1\ndeny = 6\n",
    "deny = 6" + " " * 1100 + "\nunlock_time = 400\n", "x" * 1100 + "\ndeny = 6\n",
    "#" * 1022 + "\ndeny = 6\n", "#" * 1023 + "deny = 6\n", "deny = 6\0 7\nunlock_time = 400\n",
    "\0\ndeny = 6\n", "\n\n  \n\t\ndeny = 6\n\n",
)  # fmt: skip
# Seconds since the last failure, and between it and those before
AGES = (0, 10, 200, 299, 301, 399, 401, 499, 501, 599, 601, 899, 901, 604_000, 700_000, 9_000_000)
MOST = 12
USERS = ("root", "nobody")  # nobody is of the group nogroup, as Debian has it
_TALK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
)


class _Conversation(ctypes.Structure):
    _fields_ = (("talk", _TALK), ("data", ctypes.c_void_p))


_SILENT = _Conversation(_TALK(lambda *_: 19), None)
_FAIL_DELAY = 10  # PAM_FAIL_DELAY
_AT_ONCE = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)(lambda *_: None)


class _Asker:
    """Runs pam_faillock for one user with the counts of the namespace."""

    def __init__(self, user: str, folder: Path) -> None:
        self.user, self.folder = user, folder
        self.pam = ctypes.CDLL(ctypes.util.find_library("pam") or "libpam.so.0")
        for name in ("preauth", "authfail"):
            text = f"auth required pam_faillock.so {name}\nauth required pam_permit.so\n"
            (folder / name).write_text(text)

    def ask(self, service: str) -> bool:
        """Whether the module lets the user pass."""
        handle = ctypes.c_void_p()
        place = str(self.folder).encode()
        self.pam.pam_start_confdir(
            service.encode(), self.user.encode(), ctypes.byref(_SILENT), place, ctypes.byref(handle)
        )
        self.pam.pam_set_item(handle, _FAIL_DELAY, _AT_ONCE)
        result = self.pam.pam_authenticate(handle, 0)
        self.pam.pam_end(handle, result)
        return bool(result == 0)

    def failures(self, ages: list[int]) -> None:
        """Writes counts: one failure that many seconds ago each (struct tally of faillock.h)."""
        now = int(time.time())
        rows = [struct.pack("52sHHQ", b"x", 0, 1, now - age) for age in ages]
        path = Path("/run/faillock") / self.user
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(rows))
        shutil.chown(path, self.user)

    def measured(self) -> dict[str, Any]:
        """After how many failures the user is locked, and until which age of them."""
        deny = next((n for n in range(1, MOST + 1) if self._fails()), 0)
        if not deny:
            return {"deny": 0}
        kept = [age for age in AGES if self._locked([age] * deny)]
        counted = [age for age in AGES if self._locked([0] + [age] * (deny - 1))]
        return {"deny": deny, "locked": kept, "counted": counted if deny > 1 else list(AGES)}

    def _fails(self) -> bool:
        self.ask("authfail")
        return not self.ask("preauth")

    def _locked(self, ages: list[int]) -> bool:
        self.failures(ages)
        return not self.ask("preauth")


def inside() -> None:
    """Prints what the file in /etc/security of this namespace does to each user."""
    folder = Path(tempfile.mkdtemp(prefix="faillock-", dir="/run"))
    print(json.dumps({user: _Asker(user, folder).measured() for user in USERS}))  # noqa: T201


def did(text: str) -> dict[str, Any]:
    """What pam_faillock does with this faillock.conf."""
    with tempfile.TemporaryDirectory(prefix="faillock-") as folder:
        (Path(folder) / "faillock.conf").write_bytes(text.encode())
        mounts = 'mount --bind "$0" /etc/security && mount -t tmpfs none /run && exec "$@"'
        own = (sys.executable, "-c", "from recorded.faillock import inside; inside()")
        reported = subprocess.run(
            ("unshare", "-m", "sh", "-c", mounts, folder, *own),
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
    found: dict[str, Any] = json.loads(reported.stdout)
    return found


def main() -> None:
    """Writes what pam_faillock did."""
    argv = ("dpkg-query", "-W", "-f", "${Package} ${Version}", "libpam-modules")
    program = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    with ThreadPoolExecutor(4) as pool:
        cases = [
            {"text": text, "did": found}
            for text, found in zip(CASES, pool.map(did, CASES), strict=True)
        ]
    DID.write_text(json.dumps({"program": program, "cases": cases}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
