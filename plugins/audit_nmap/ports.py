"""Port ranges as people write them: `22`, `22/tcp`, `8000-8010/tcp`. PURE."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ITEM = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/tcp)?")

# Some printers print what is sent to these (nmap's own exclusion list, and lpd and ipp).
PRINTERS = frozenset({515, 631, *range(9100, 9108)})

# All privileged ports, and those above at which services that should not face a network wait:
# databases, caches, orchestration, remote desktops, consoles. About 1,300 ports, seconds at 300/s.
DEFAULT_RANGE = (
    "1-1024,1080,1099,1433-1434,1521,1883,2049,2181,2222,2375-2380,3000,3128,3260,3306,3389,3690,"
    "4369,4848,5000-5001,5432,5555,5601,5672,5900-5910,5984-5986,6000-6010,6379-6380,6443,"
    "7001-7002,7077,7199,8000-8100,8161,8443,8500,8848,8888-8889,9000-9001,9042,9090-9099,9200,"
    "9300,9418,9876,10000,10050-10051,10250-10255,10909,10911,11211,15672,16379,18080,20880,"
    "22122,27017-27019,50000,50070,61616"
)


# Plain-text or remote-shell services, file shares, and services that trust whoever connects.
# 21 FTP, 23 telnet, 111 rpcbind, 135/137-139/445 Windows shares, 512-514 r-commands, 873 rsync,
# 2049 NFS, 2375 Docker, 2379 etcd, 3389 RDP, 5900-5901 VNC, 6000 X11, 6379 Redis, 9200
# Elasticsearch, 10255 kubelet, 11211 memcached, 27017 MongoDB, 50070 HDFS.
HIGH_RISK = frozenset(
    {"21/tcp", "23/tcp", "111/tcp", "135/tcp", "137-139/tcp", "445/tcp", "512-514/tcp", "873/tcp",
     "2049/tcp", "2375/tcp", "2379/tcp", "3389/tcp", "5900-5901/tcp", "6000/tcp", "6379/tcp",
     "9200/tcp", "10255/tcp", "11211/tcp", "27017/tcp", "50070/tcp"}
)  # fmt: skip


def read_ports(written: object) -> frozenset[int] | None:
    """The TCP ports that a text (comma separated), a number or a list of these means; else None."""
    if isinstance(written, bool):
        return None
    if isinstance(written, int | str):
        items = str(written).split(",")
    elif isinstance(written, list | tuple) and all(type(x) in (int, str) for x in written):
        items = [part for x in written for part in str(x).split(",")]
    else:
        return None
    found: set[int] = set()
    for item in items:
        span = _span(item.strip())
        if span is None:
            return None
        found.update(span)
    return frozenset(found)


def without_udp(written: object) -> object:
    """A declared list without its UDP ports, which a TCP scan says nothing of."""
    if not isinstance(written, list | tuple):
        return written
    return tuple(x for x in written if not str(x).endswith("/udp"))


def _span(item: str) -> range | None:
    hit = _ITEM.fullmatch(item) if item.isascii() else None
    if hit is None:
        return None
    first, last = int(hit[1]), int(hit[2] or hit[1])
    return range(first, last + 1) if 0 < first <= last < 65536 else None


def ranges(ports: Iterable[int]) -> str:
    """`ports` in nmap's words, each run written once: `22,80-82`."""
    runs: list[list[int]] = []
    for port in sorted(set(ports)):
        if runs and port == runs[-1][1] + 1:
            runs[-1][1] = port
        else:
            runs.append([port, port])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


# Of these a scan tells something of the host; one of fewer ports does not.
USUAL = (read_ports(DEFAULT_RANGE) or frozenset[int]()) - PRINTERS
