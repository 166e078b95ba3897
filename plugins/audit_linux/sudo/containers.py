"""What a container engine, started as root with fixed arguments, gives to whoever may start it.

Root in a container is not yet root on the host; it is where the container has the host's files,
processes or privileges. Sources: the manual pages of docker, podman, nerdctl, ctr, kubectl, lxc,
incus, machinectl, nsenter.
"""

from __future__ import annotations

import enum
import re
from itertools import pairwise


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SHELLS = _names("sh bash dash ash zsh ksh mksh csh tcsh fish busybox")
_ENGINES = _names("""
    docker podman podman-remote nerdctl isula buildah ctr crictl runc crun lxc incus lxc-attach
    lxc-execute lxc-start lxc-create pct kubectl oc k3s microk8s k0s minikube helm singularity
    apptainer toolbox distrobox machinectl virsh nsenter
""")
# Verbs that show, start or stop what is there.
_HARMLESS = _names("""
    ps images logs log stats top ls list info version port diff history events start stop restart
    kill pause unpause rm rmi prune pull status show wait inspect describe rollout scale poweroff
    reboot terminate df search tag explain uncordon cordon drain shutdown destroy dominfo domstate
    suspend resume autostart
""")
_EDITS = frozenset({"edit", "debug"})
# The host's files, processes or privileges.
_OF_HOST = re.compile(
    r"--privileged(?:=true)?$|--(?:pid|ipc|userns|uts|cgroupns)=host$|--cap-add=(?:ALL|CAP_)?\w*"
    r"(?:ALL|SYS_ADMIN|SYS_PTRACE|SYS_MODULE|DAC_READ_SEARCH)$"
    r"|(?:(?:-v|--volume|--volumes-from|-B|--bind)=?)?/(?:etc|root|boot|var/run|run|var/run/docker"
    r"\.sock|run/docker\.sock)?:"
    r"|(?:--mount=?)?(?:.*,)?(?:src|source)=/(?:etc|root|boot)?(?:,|$)"
)
_PAIRED = frozenset({"--pid", "--ipc", "--userns", "--cap-add"})
_TERMINAL = re.compile(r"-(?:[a-z]*[it][a-z]*)$|--(?:tty|interactive)(?:=true)?$")
_GROUPS_OF_VERBS = _names("""
    container image images tasks task t c i kubectl system pod volume network compose config profile
""")
# They stand before the verb and take a word.
_WITH_WORD = _names("-n --namespace --context --kubeconfig -H --host --address -c --connect")


class Reach(enum.StrEnum):
    """How far an engine with these arguments reaches."""

    HOST = "host"  # a shell with the host's files or privileges, or an editor that starts one
    MANIFEST = "manifest"  # it does what a file of a user says
    OPEN = "open"  # what it gives was not worked out
    NONE = "none"


def is_engine(name: str) -> bool:
    """Whether a program of this name starts or enters containers."""
    return name in _ENGINES


def reach(name: str, args: list[str], *, of_users: re.Pattern[str]) -> Reach:
    """What the engine gives with `args`, which are fixed; `of_users` matches paths of users."""
    if name == "nsenter":
        return _nsenter(args)
    verb = _verb(args)
    if name == "machinectl" and verb in ("shell", "login"):
        return _machine(args)
    if verb in _EDITS:
        return Reach.HOST
    if verb in _HARMLESS or (verb == "get" and not any(w.startswith("secret") for w in args)):
        return Reach.NONE
    if any(of_users.search(word) for word in args):
        return Reach.MANIFEST
    if _has_host(args) and _has_shell(args):
        return Reach.HOST
    return Reach.OPEN


def _verb(args: list[str]) -> str:
    """The first word that is a verb: neither an option nor a group of verbs."""
    taken = {at + 1 for at, word in enumerate(args) if word in _WITH_WORD}
    words = [w for at, w in enumerate(args) if not (w.startswith("-") or at in taken)]
    while len(words) > 1 and words[0] in _GROUPS_OF_VERBS:
        words = words[1:]
    return words[0] if words else ""


def _has_host(args: list[str]) -> bool:
    joined = [f"{name}={value}" for name, value in pairwise(args) if name in _PAIRED]
    return any(_OF_HOST.match(word) for word in (*args, *joined))


def _has_shell(args: list[str]) -> bool:
    """Whether a shell that the user can type into is started: without -i it ends at once."""
    return any(_TERMINAL.match(word) for word in args) and any(map(_is_shell, args))


def _is_shell(word: str) -> bool:
    return word.rsplit("/", 1)[-1] in _SHELLS


def _machine(args: list[str]) -> Reach:
    """machinectl(1): without a machine, or with .host, it is the host's own root shell."""
    words = [word for word in args if not word.startswith("-")][1:]
    return Reach.HOST if not words or words[0].rpartition("@")[2] == ".host" else Reach.OPEN


def _nsenter(args: list[str]) -> Reach:
    """nsenter(1): without a program it starts a shell; of process 1 it has the host."""
    ends = not args or args[-1].startswith("-") or args[-1].isdigit() or _is_shell(args[-1])
    return Reach.HOST if ends else Reach.OPEN
