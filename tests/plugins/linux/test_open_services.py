"""Services that let in without a login: what the checks say, and what the real servers do.

`open_services_let_in.json` is what rsync, Redis, snmpd and vsftpd allowed; `recorded/
open_services.py` writes it. One case of rsync is run again where it is installed.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from audit_core.model import Absent, Check, Message, Reason, Verdict
from audit_core.store.redact import redact
from audit_linux.network.listeners import Listener
from audit_linux.open_services import CHECKS
from audit_linux.open_services.checks import parse_running
from audit_linux.open_services.service import Running
from audit_linux.redaction import RULES
from invented.answers import answer
from invented.services import BY_ID, judge, read_files
from recorded import open_services as real
from recorded.open_services_cases import CASES

LET_IN = json.loads(real.LET_IN.read_text())["let_in"]
RSYNC, REDIS, SNMP = BY_ID["rsync-modules"], BY_ID["redis-password"], BY_ID["snmp-community"]
FTP, NFS, HBA_CHECK = BY_ID["ftp-anonymous"], BY_ID["nfs-exports"], BY_ID["postgresql-trust"]
MEMCACHED, MYSQL = BY_ID["memcached-open"], BY_ID["mysql-grant-tables"]
MONGODB, ELASTIC = BY_ID["mongodb-authorization"], BY_ID["elasticsearch-security"]
DOCKER_API = BY_ID["docker-api"]
P, F, U, N = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED, Verdict.NOT_APPLICABLE
GONE = Absent(reason=Reason.NOT_COLLECTED, detail=Message(id="none"))
SERVERS: dict[str, tuple[Check, str]] = {
    "rsync": (RSYNC, "rsync --daemon --no-detach"),
    "redis": (REDIS, "redis-server 192.0.2.1:6379"),
    "snmp": (SNMP, "snmpd -f"),
    "vsftpd": (FTP, "vsftpd"),
}
# Who is kept out by something that is no login: reading is a matter of the site, an address or
# protected mode keeps out, vsftpd does not start.
OPEN_QUESTIONS = {
    "rsync", "redis: protected mode", "vsftpd: blanks behind", "vsftpd: other letters",
}  # fmt: skip
# Reading by the community public is kept to one network: whether that may stay is to be asked.
FEW = {"snmp: public for others", "snmp: public for its network"}


def _cut(contents: dict[str, str]) -> dict[str, str]:
    """As a bundle holds them."""
    return {p: redact(t.encode(), (), RULES).data.decode() for p, t in contents.items()}


def test_the_verdict_is_what_the_real_server_allows(subtests: Any) -> None:
    for server, cases in CASES.items():
        check, line = SERVERS[server]
        for name, contents in cases.items():
            allowed = LET_IN[server][name]
            # where Redis has no port, what is invented here listens for this host
            address = "127.0.0.1" if name in ("loopback only", "no TCP") else "0.0.0.0"
            judged = judge(check, _cut(contents), line, address=address)
            wanted = any(on for key, on in allowed.items() if not key.endswith(" r"))
            with subtests.test(f"{server}: {name}"):
                if f"{server}: {name}" in FEW:
                    assert judged.verdict is U
                elif wanted:
                    assert judged.verdict is F
                elif {server, f"{server}: {name}"} & OPEN_QUESTIONS:
                    assert judged.verdict in (P, U)
                    if any(allowed.values()):
                        assert judged.verdict is U
                else:
                    assert judged.verdict is P


@pytest.mark.skipif(not real.RUNS or real.program("rsync") is None, reason="no rsync, or not root")
def test_the_recorded_outcome_is_that_of_the_program_here() -> None:
    name = "writable"
    assert real.let_in("rsync", CASES["rsync"][name]) == LET_IN["rsync"][name]


_PG = "postgres -D /etc/postgresql/15/main"
HBA = "/etc/postgresql/15/main/pg_hba.conf"
MEMC, MONGO, MY = "/usr/bin/memcached", "/usr/bin/mongod --config /etc/mongod.conf", "/etc/my.cnf"
DOCKER, DAEMON = "/usr/bin/dockerd", "/etc/docker/daemon.json"
EXPORTS, YML = "/etc/exports", "/etc/mongod.conf"


def test_other_services(subtests: Any) -> None:
    hba, mem = HBA_CHECK, MEMCACHED
    auth, sql = MONGODB, MYSQL
    api, share = DOCKER_API, NFS
    cases: list[tuple[Check, dict[str, str], str, Verdict]] = [
        (hba, {HBA: "local all all peer\nhost all all 127.0.0.1/32 md5\n"}, _PG, P),
        (hba, {HBA: "host all all 0.0.0.0/0 trust\n"}, _PG, F),
        (hba, {HBA: "local all all trust\n"}, _PG, F),
        (hba, {HBA: "host all all 10.0.0.0 255.0.0.0 trust\n"}, _PG, F),
        (hba, {HBA: "host all all all reject\nhost all all 10.0.0.0/8 trust\n"}, _PG, P),
        (hba, {HBA: "hostssl all all all reject\nhost all all all trust\n"}, _PG, F),
        (hba, {HBA: "host all all all reject\nhost replication r all trust\n"}, _PG, F),
        (hba, {HBA: '# host a a all trust\nhost "trust" all all md5 # trust\n'}, _PG, P),
        (hba, {HBA: "host all \\\n all all trust\n"}, _PG, F),
        # as pg_hba_file_rules of PostgreSQL 15 shows them
        (hba, {HBA: "host a, b all all trust\n"}, _PG, F),
        (hba, {HBA: '"host" all all all "trust"#x\n'}, _PG, F),
        (hba, {HBA: 'host "all" all all md5\nhost all all all trust\n'}, _PG, F),
        (hba, {HBA: "include x.conf\nhost all all all trust\n"}, _PG, U),
        (hba, {}, _PG, U),
        (mem, {}, f"{MEMC} -m 64 -l 127.0.0.1 -p 11211", P),
        (mem, {}, f"{MEMC} -m 64 -p 11211", F),
        (mem, {}, f"{MEMC} -l 127.0.0.1,10.0.0.1", F),
        (mem, {}, f"{MEMC} -l 127.0.0.1 -l 10.0.0.1", F),
        (mem, {}, f"{MEMC} --listen=10.0.0.1 -S", P),
        (mem, {}, f"{MEMC} -s /run/memcached.sock", P),
        (auth, {YML: "net:\n  bindIp: 0.0.0.0\n"}, MONGO, F),
        (auth, {YML: "net:\n  bindIp: 127.0.0.1\n"}, MONGO, P),
        (auth, {YML: "net:\n  bindIp: 10.0.0.1\nsecurity:\n  authorization: enabled\n"}, MONGO, P),
        (auth, {YML: "net.bindIpAll: true\n#security:\n#  authorization: enabled\n"}, MONGO, F),
        (auth, {YML: "bind_ip = 0.0.0.0\nauth = true\n"}, MONGO, P),
        (auth, {YML: "storage:\n  dbPath: /x\n"}, MONGO, U),
        (auth, {YML: "net:\n  bindIp: 0.0.0.0\n"}, "mongod --auth", P),
        (sql, {MY: "[mysqld]\nskip-grant-tables\n"}, "mysqld", F),
        (sql, {MY: "[mysqld]\nskip_grant_tables = 0\n"}, "mysqld", P),
        (sql, {MY: "[client]\nskip-grant-tables\n[mysqld]\n#skip-grant-tables\n"}, "mysqld", P),
        (sql, {MY: "[mysqld]\n"}, "mysqld --skip-grant-tables", F),
        # as my_print_defaults and mariadbd 10.11 read them
        (sql, {MY: "[mysqld] # x\r\nskip-grant-tables # why\r\n"}, "mysqld", F),
        (sql, {MY: "[MYSQLD ]\n\tskip_gr\n"}, "mysqld", F),
        (sql, {MY: '[mariadb-10.11]\nloose-skip-grant-tables="1"#x\n'}, "mysqld", F),
        (sql, {MY: "[ mysqld]\nskip-grant-tables\n"}, "mysqld", P),
        (sql, {MY: "[mysqld]\nskip-grant-tables=\n"}, "mysqld", P),
        (sql, {MY: "[mysqld]\n"}, "mysqld --skip-grant-tables=0", P),
        (sql, {MY: "!includedir /etc/mysql/conf.d/\n[mysqld]\n"}, "mysqld", P),
        (sql, {MY: "!include /opt/x.cnf\n[mysqld]\n"}, "mysqld", U),
        (api, {}, f"{DOCKER} -H fd://", P),
        (api, {}, DOCKER, U),  # docker.socket listens on 2375
        (api, {}, f"{DOCKER} -H tcp://0.0.0.0:2375", F),
        (api, {}, f"{DOCKER} --host=tcp://0.0.0.0:2376 --tls", F),
        (api, {}, f"{DOCKER} -H tcp://0.0.0.0:2376 --tlsverify", P),
        (api, {DAEMON: '{"hosts": ["tcp://10.0.0.1:2375"]}'}, DOCKER, F),
        (api, {DAEMON: '{"hosts": ["tcp://10.0.0.1:2376"], "tlsverify": true}'}, DOCKER, P),
        (api, {DAEMON: "{"}, DOCKER, U),
        (share, {EXPORTS: "/srv *(rw,sync)\n"}, "nfsd", F),
        (share, {EXPORTS: "/srv 10.0.0.1(rw,no_root_squash)\n"}, "nfsd", F),
        (share, {EXPORTS: "/srv 10.0.0.1 (rw)\n"}, "nfsd", F),
        (share, {EXPORTS: "/srv *(ro)\n"}, "nfsd", U),
        (share, {EXPORTS: "/srv 10.0.0.0/24(rw,sync)\n# /x *(rw)\n"}, "nfsd", P),
        (share, {EXPORTS: "/srv *(rw,sec=krb5p)\n"}, "nfsd", P),
        (share, {EXPORTS: "/srv -rw 10.0.0.1 \\\n *\n"}, "nfsd", F),
        (share, {EXPORTS: '"/a b" *(rw)\n'}, "nfsd", F),
        (share, {EXPORTS: "/srv 10.0.0.1(no_root_squash,ro)\n"}, "nfsd", U),
    ]
    for number, (check, contents, line, verdict) in enumerate(cases):
        with subtests.test(f"{number} {check.id} {contents} {line}"):
            assert judge(check, contents, line).verdict is verdict


def test_other_ftp_servers() -> None:
    anonymous = "<Anonymous ~ftp>\n  User ftp\n</Anonymous>\n"
    shell = anonymous.replace("User ftp", "User ftp\n  RequireValidShell off")
    asked = shell.replace("User ftp", "User ftp\nAnonRequirePassword on")
    conf, flag = "/etc/proftpd/conf.d/a.conf", "/etc/pure-ftpd/conf/NoAnonymous"
    for contents, line, verdict in (
        ({conf: shell}, "proftpd", F), ({conf: f"# {anonymous}"}, "proftpd", P),
        ({conf: anonymous}, "proftpd", U), ({conf: f"<Limit LOGIN>\n{shell}"}, "proftpd", U),
        ({conf: f"<IfDefine X>\n{shell}</IfDefine>\n"}, "proftpd", U),
        ({conf: shell.replace("User ftp\n", "")}, "proftpd", P),
        ({conf: shell.lower().replace("\n", "\r\n")}, "proftpd", F),
        ({conf: asked}, "proftpd", U), ({conf: "ServerName x\n"}, "proftpd", P),
        ({flag: "yes\n"}, "pure-ftpd", P), ({flag: "no\n"}, "pure-ftpd", F),
        ({flag: "no\n", "/etc/vsftpd.conf": "anonymous_enable=NO\n"}, "vsftpd", P),
        ({}, "proftpd", U),
    ):  # fmt: skip
        assert judge(FTP, contents, line).verdict is verdict, (contents, line)


def test_elasticsearch() -> None:
    path, check = "/etc/elasticsearch/elasticsearch.yml", ELASTIC
    outside = (Listener(protocol="tcp", address="0.0.0.0", port=9200),)
    inside = (Listener(protocol="tcp", address="127.0.0.1", port=9200),)
    for text, sockets, verdict in (
        ("xpack.security.enabled: false\n", outside, F),
        ("xpack.security.enabled: false\n", inside, P),
        ("xpack:\n  security:\n    enabled: true\n", outside, P),
        ("cluster.name: x\n", outside, U),
        ("cluster.name: x\n", (), N),
    ):
        assert check.judge(read_files({path: text}), (), sockets).verdict is verdict


def test_what_does_not_run_or_was_not_read_is_told_so() -> None:
    for check in CHECKS:
        if check.id == "linux.other-services":
            continue
        nothing = read_files({})
        assert check.judge(nothing, (), ()).verdict is N
        assert check.judge(GONE, GONE, GONE).verdict is U
        assert check.judge(nothing, GONE, GONE).verdict is U
    public = {"/etc/snmp/snmpd.conf": "rocommunity public\n"}
    closed = {"not_permitted": "/etc/snmp/snmpd.conf"}
    snmpd, redisd = SNMP, REDIS
    assert snmpd.judge(read_files(public), (), ()).verdict is U  # installed, not running
    for source, verdict in (
        ("10.1.2.3", U), ("10.1.2.0/24", U), ("10.1.2.0/255.255.255.0", U), ("mgmt.example", U),
        ("10.0.0.0/8", F), ("0.0.0.0/0", F), ("default", F), ("10.1", F), ("127.0.0.1", P),
    ):  # fmt: skip
        for directive in ("rocommunity", "rwcommunity"):
            line = {"/etc/snmp/snmpd.conf": f"{directive} public {source}\n"}
            rw = directive == "rwcommunity" and verdict is U
            assert judge(snmpd, line, "snmpd -f").verdict is (F if rw else verdict), source
    assert judge(snmpd, {}, "snmpd -f", **closed).verdict is U
    assert judge(snmpd, public, "snmpd -f -c /srv/other.conf").verdict is U
    assert judge(snmpd, public, "snmpd -f", address="127.0.0.1").verdict is P
    # a closed directory may hold what decides; one of another service may not
    mysqld = MYSQL
    mine = {"/etc/mysql/my.cnf": "[mysqld]\n"}
    for path, verdict in (
        ("/etc/mysql/conf.d", U), ("/etc/my.cnf.d", U), ("/etc/redis", P), ("/etc/my", P),
    ):  # fmt: skip
        assert judge(mysqld, mine, "mysqld", not_permitted=path).verdict is verdict, path
    shared = {"/etc/exports": "/srv 192.0.2.1(ro)\n"}
    assert judge(NFS, shared, "nfsd", not_permitted="/etc/exports.d").verdict is U
    weak = {"/etc/redis/redis.conf": "bind 0.0.0.0\nprotected-mode no\n"}
    assert judge(redisd, weak, "redis-server *:6379 --requirepass").verdict is U
    assert judge(redisd, {}, "redis-server *:6379").verdict is U
    # a client of rsync is no daemon
    drop = CASES["rsync"]["writable"]
    client = Running(pid=2, name="rsync", arguments="rsync -a x y")
    assert RSYNC.judge(read_files(drop), (client,), ()).verdict is U


def test_processes_by_name() -> None:
    found = parse_running(answer("   12 redis-server    /usr/bin/redis-server *:6379\n 13 x x y\n"))
    assert found == (
        Running(pid=12, name="redis-server", arguments="/usr/bin/redis-server *:6379"),
        Running(pid=13, name="x", arguments="x y"),
    )
    assert parse_running(answer("", exit_code=1)) == ()


SECRETS = {
    "user default on >S3cret! ~* +@all": "user default on >[redacted:assigned-secret] ~* +@all",
    "user bob on #aa11 >S3cret! nopass ~* +@all":
        "user bob on #[redacted:assigned-secret] nopass ~* +@all",
    "user default on nopass ~* +@all": "user default on nopass ~* +@all",
    'requirepass ""': 'requirepass ""',
    "requirepass S3cret!": "requirepass [redacted:assigned-secret]",
    "rename-command CONFIG S3cret!": "rename-command CONFIG [redacted:assigned-secret]",
    'rename-command CONFIG ""': 'rename-command CONFIG ""',
    'host all all all radius radiussecrets="S3cret!"':
        "host all all all radius radiussecrets=[redacted:assigned-secret]",
    "SQLConnectInfo db@host user S3cret!": "SQLConnectInfo [redacted:assigned-secret]",
    'LDAPBindDN "cn=x, dc=y" S3cret!': 'LDAPBindDN "cn=x, dc=y" [redacted:assigned-secret]',
    "wsrep_sst_auth = sst:S3cret!": "wsrep_sst_auth = [redacted:assigned-secret]",
    "proxy -v 2c -c S3cret! host .1": "proxy [redacted:snmp-community]",
    "trapsess -v 3 -A S3cret! host": "trapsess [redacted:snmp-community]",
    "com2secunix ro /run/x S3cret!": "com2secunix [redacted:snmp-community]",
    "rocommunity S3cret! 10.0.0.1": "rocommunity [redacted:snmp-community] 10.0.0.1",
    "rocommunity public 10.0.0.1": "rocommunity public 10.0.0.1",
    "proxy_pass http://backend;": "proxy_pass http://backend;",
    "user  nginx;": "user  nginx;",
}  # fmt: skip


def test_secrets_are_cut_and_what_decides_stays() -> None:
    for text, kept in SECRETS.items():
        once = redact(f"# x\n{text}\n".encode(), (), RULES).data
        assert once.decode() == f"# x\n{kept}\n"
        assert redact(once, (), RULES).data == once


def test_a_stopped_service_whose_settings_are_closed_is_not_judged() -> None:
    """An account that may read less must not conclude more: root may find it open."""
    path = "/etc/snmp/snmpd.conf"
    opened = judge(SNMP, {path: "rocommunity public default\n"})
    closed = judge(SNMP, {}, not_permitted=path)
    assert opened.verdict is closed.verdict is U
    assert judge(SNMP, {}).verdict is N
