"""Shares, proxies, stores of clusters and files of PostgreSQL: what each configuration lets in.

Each outcome was tried by hand with a client from another address on Debian 12: Samba 4.17.12 (38
files), Squid 5.7 (29), tftpd-hpa 5.2 (7 command lines), etcd 3.4.23 (13), ZooKeeper 3.8.0 (5),
RabbitMQ 3.10.8 (12), vsftpd 3.0.3 (31), pure-ftpd 1.0.50 (19). What is undetermined here asks a
person: reading for all, an address that limits, an account that may have been deleted.
"""

from __future__ import annotations

from typing import Any

from msgspec import structs

from audit_core.model import Verdict
from audit_linux.network.listeners import Listener
from audit_linux.processes import Process
from invented.answers import TARGET
from invented.services import BY_ID, judge, read_files

P, F, U, N = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED, Verdict.NOT_APPLICABLE
_SMB = "/etc/samba/smb.conf"
_PUB = "[pub]\npath = /srv/pub\n"
_GUEST = _PUB + "guest ok = yes\n"
_RW = _GUEST + "read only = no\n"


def test_samba(subtests: Any) -> None:
    for number, (text, verdict) in enumerate(
        (
            (_PUB, P),
            (_GUEST, U),
            (_RW, F),
            (_PUB + "read only = no\n", P),
            (_PUB + "public=yes\nwritable=yes\n", F),
            (_PUB + "guestok=true\nwrite ok=1\n", F),
            (_PUB + "GU EST  OK = On\nReadOnly=off\n", F),
            ("[global]\nguest ok=yes\nread only=no\n" + _PUB, F),
            (_RW + "valid users = joe\n", P),
            (_RW + "valid users = nobody\n", F),
            (_RW + "hosts allow = 10.0.0.0/8\n", U),
            (_RW + "hosts allow = 127.0.0.1\n", P),
            ("[global]\nhosts allow = 10.0.0.0/8\n" + _RW, U),
            (_RW + "available = no\n", P),
            (_RW + "invalid users = nobody\n", U),
            (_PUB + "# guest ok=yes\n;guest ok=yes\n", P),
            (_PUB + "guest ok=yes # x\n", U),
            (_PUB + "guest \\\n ok = yes\nwritable=yes\n", F),
            (_RW + "guest ok=no\n", P),
            (_GUEST + _PUB + "read only=no\n", F),
            (_GUEST + "write list = nobody\n", F),
            (_RW + "foo = bar\n", F),
            (_RW + "guest ok = maybe\n", U),
            ("[pub\npath=/srv\nguest ok=yes\n", U),
            ("\ufeff" + _RW, F),
            (_RW.replace("\n", "\r\n"), F),
            (_PUB + "guest only = yes\n", U),
            ("[tpl]\nguest ok=yes\nread only=no\navailable=no\n[pub]\ncopy=tpl\n", P),
            (_PUB + "include = /etc/samba/more.conf\n", F),
            (_PUB + "include = /opt/more.conf\n", U),
            ("[global]\nconfig backend = registry\n" + _PUB, U),
            ("[printers]\nprintable = yes\nguest ok = yes\nwritable = yes\n", P),
        )
    ):
        with subtests.test(f"{number} {text}"):
            contents = {_SMB: text, "/etc/samba/more.conf": "guest ok = yes\nread only = no\n"}
            assert judge(BY_ID["samba-guests"], contents, "smbd --foreground").verdict is verdict
    made = {_SMB: "[global]\nusershare allow guests = yes\n" + _PUB}
    assert judge(BY_ID["samba-guests"], made, "smbd").verdict is U
    assert judge(BY_ID["samba-guests"], {_SMB: _RW}, "smbd", address="127.0.0.1").verdict is P
    assert judge(BY_ID["samba-guests"], {_SMB: _RW}, "smbd -s /opt/smb.conf").verdict is U
    assert judge(BY_ID["samba-guests"], {}, "smbd", not_permitted="/etc/samba").verdict is U


_SAFE = (
    "http_port 3128\nacl Safe_ports port 80 8000\nacl CONNECT method CONNECT\n"
    "http_access deny !Safe_ports\n"
)
_END = "http_access deny all\n"


def test_squid(subtests: Any) -> None:
    auth = "acl a proxy_auth REQUIRED\n"
    for number, (text, verdict) in enumerate(
        (
            ("http_access allow all", F),
            (_END, P),
            ("", F),
            ("acl b src 10.9.9.9\nhttp_access deny b", F),
            ("acl g src 10.9.9.9\nhttp_access allow g", P),
            ("acl e src 0.0.0.0/0\nhttp_access allow e\n", F),
            ("acl e src all\nhttp_access allow e\n" + _END, F),
            (_END + "http_access allow all", P),
            ("acl g src 10.0.0.0/8\nhttp_access allow all g\n" + _END, P),
            ("acl g src 10.0.0.0/8\nhttp_access allow !g\n" + _END, F),
            ("acl d dstdomain .bank.example\nhttp_access allow d\n" + _END, U),
            ("http_access\tallow\tall # x", F),
            ("http_access \\\n allow all", F),
            ("http_access allow Safe_ports\n" + _END, F),
            ('http_access allow "all"', F),
            (auth + "http_access allow a\n" + _END, P),
            (auth + "http_access allow all a\n" + _END, P),
            ("acl e src 0.0.0.0-255.255.255.255\nhttp_access allow e", F),
            ("  http_access allow all", F),
            ("acl l src 10.0.0.0/8\nacl l src 192.168.0.0/16\nhttp_access allow l\n" + _END, P),
            ("if false\nhttp_access allow all\nendif\n" + _END, U),
            ("# http_access allow all\n" + _END, P),
            ("include /etc/squid/conf.d/*.conf\n" + _END, F),
            ("include /opt/x.conf\n" + _END, U),
        )
    ):
        with subtests.test(f"{number} {text}"):
            conf = {
                "/etc/squid/squid.conf": _SAFE + text + "\n",
                "/etc/squid/conf.d/a.conf": "http_access allow all\n",
            }
            assert judge(BY_ID["squid-open"], conf, "squid -N").verdict is verdict
    for port in ("http_port 3128 accel defaultsite=a", "http_port 127.0.0.1:3128"):
        conf = {"/etc/squid/squid.conf": f"{port}\nhttp_access allow all\n"}
        assert judge(BY_ID["squid-open"], conf, "squid").verdict is P


def test_tftp_and_etcd(subtests: Any) -> None:
    tftp, etcd, url = (
        "/usr/sbin/in.tftpd --listen --user tftp",
        "/usr/bin/etcd",
        "http://192.0.2.1:2379",
    )
    for line, verdict in (
        (f"{tftp} --secure /srv", U),
        (f"{tftp} -c -s /srv", F),
        (f"{tftp} -cs /srv", F),
        (f"{tftp} --secure --create /srv", F),
        (f"{tftp} -uc -s /srv", U),
    ):
        assert judge(BY_ID["tftp-open"], {}, line).verdict is verdict, line
    default, yml = "/etc/default/etcd", "/etc/etcd/etcd.yml"
    for number, (contents, line, verdict) in enumerate(
        (
            ({}, f"{etcd} --listen-client-urls {url}", F),
            ({}, f"{etcd} -listen-client-urls={url}", F),
            ({}, f"{etcd} --listen-client-urls=http://127.0.0.1:2379,{url}", F),
            ({}, f"{etcd} --listen-client-urls={url} --client-cert-auth", F),
            ({}, f"{etcd} --listen-client-urls=https://192.0.2.1:2379 --client-cert-auth", P),
            ({}, f"{etcd} --listen-client-urls=https://192.0.2.1:2379", U),
            ({}, etcd, U),
            ({default: f'ETCD_LISTEN_CLIENT_URLS="{url}"\n'}, etcd, F),
            (
                {
                    default: "# ETCD_LISTEN_CLIENT_URLS\nETCD_LISTEN_CLIENT_URLS=http://localhost:2379\n"
                },
                etcd,
                P,
            ),
            ({yml: f"listen-client-urls: {url}\n"}, f"{etcd} --config-file {yml}", F),
            (
                {yml: f"listen-client-urls: {url}\n"},
                f"{etcd} --config-file={yml} --listen-client-urls=http://127.0.0.1:2379",
                F,
            ),
            ({default: f"ETCD_LISTEN_CLIENT_URLS={url}\n"}, f"{etcd} --config-file=/opt/e.yml", U),
        )
    ):
        with subtests.test(f"{number} {line}"):
            assert judge(BY_ID["etcd-open"], contents, line).verdict is verdict


def _by_port(id: str, contents: dict[str, str], port: int, address: str = "0.0.0.0") -> Verdict:
    sockets = (Listener(protocol="tcp", address=address, port=port),)
    return BY_ID[id].judge(read_files(contents), (), sockets).verdict


def test_services_known_by_their_port(subtests: Any) -> None:
    zoo = "/etc/zookeeper/conf/zoo.cfg"
    for text, verdict in (
        ("clientPort=2181\n", F),
        ("clientPort = 2181\nsessionRequireClientSASLAuth=true\n", P),
        ("clientPort=2181\nclientPortAddress=127.0.0.1\n", P),
        ("enforce.auth.enabled=true\n", P),
        ("SessionRequireClientSASLAuth=true\n", F),
        ("# enforce.auth.enabled=true\n", F),
    ):
        assert _by_port("zookeeper-open", {zoo: text}, 2181) is verdict, text
    assert _by_port("zookeeper-open", {}, 2181) is U
    conf, classic = "/etc/rabbitmq/rabbitmq.conf", "/etc/rabbitmq/advanced.config"
    for contents, verdict in (
        ({}, U),
        ({conf: ""}, P),
        ({conf: "loopback_users = none\n"}, U),
        ({conf: "loopback_users.guest = false # x\n"}, U),
        ({conf: "loopback_users.guest = true\n"}, P),
        ({conf: "loopback_users.bob = true\n"}, U),
        ({conf: "# loopback_users = none\n"}, P),
        ({classic: "[{rabbit,[{loopback_users, []}]}]."}, U),
        ({conf: "default_user = app\ndefault_pass = x\nloopback_users = none\n"}, P),
    ):
        assert _by_port("rabbitmq-guest", contents, 5672) is verdict, contents
    search = "/etc/opensearch/opensearch.yml"
    for text, verdict in (
        ("plugins.security.disabled: true\n", F),
        ("cluster.name: x\n", U),
        ("plugins.security.ssl.http.enabled: true\n", P),
    ):
        assert _by_port("elasticsearch-security", {search: text}, 9200) is verdict, text
    elastic = {"/etc/elasticsearch/elasticsearch.yml": "xpack.security: {enabled: true}\n"}
    assert _by_port("elasticsearch-security", elastic, 9200) is P


def test_what_no_reader_looks_at_never_passes() -> None:
    def verdict(*sockets: tuple[int, str, str], runs: str = "", serves: Any = ()) -> Verdict:
        rows = tuple(
            Listener(protocol="tcp", address=address, port=port, process=process)
            for port, address, process in sockets
        )
        target = structs.replace(TARGET, settings={"service_ports": serves})
        processes = tuple(Process(pid=n, uid=0, name=name) for n, name in enumerate(runs.split()))
        return BY_ID["other-services"].judge(rows, target, processes).verdict

    ssh = (22, "0.0.0.0", "sshd")
    assert verdict(ssh, (6379, "0.0.0.0", "redis-server"), (2222, "::", "sshd")) is P
    assert verdict(ssh, (5900, "0.0.0.0", "")) is verdict(ssh, (9092, "::", "java")) is U
    assert verdict(ssh, (5900, "127.0.0.1", "x11vnc")) is P
    web, page = (443, "0.0.0.0", "nginx"), (443, "0.0.0.0", "")
    assert verdict(ssh, web) is verdict(ssh, page, runs="sshd nginx") is P
    assert verdict(ssh, page, runs="sshd java") is verdict((443, "::", "java"), runs="nginx") is U
    assert verdict(ssh, (8080, "::", "java")) is verdict((9443, "::", "nginx")) is U
    assert verdict(ssh, (8080, "::", "java"), serves=["8080/tcp"]) is P
    assert verdict(ssh, (9092, "::", "java"), serves=["9092/tcp"]) is U
    # another program on the port of a reader
    assert verdict(ssh, (5432, "::", "pgbouncer"), (6379, "::", "docker-proxy")) is U
    assert verdict(ssh, (9200, "::", "java"), (873, "::", "xinetd"), (445, "::", "")) is P


def test_which_files_of_postgresql_count(subtests: Any) -> None:
    check, open_ = BY_ID["postgresql-trust"], "host all all 0.0.0.0/0 trust\n"
    old, new = "/etc/postgresql/13/main", "/etc/postgresql/15/main"
    runs = f"postgres -D /var/lib/postgresql/15/main -c config_file={new}/postgresql.conf"
    late = "/etc/postgresql/16/main"
    maps = {f"{new}/pg_ident.conf": "all /^(.*)$ postgres\nown /^(.*)$ \\1\n"}
    peer = "local all all peer map="
    for number, (contents, line, verdict) in enumerate(
        (
            ({f"{old}/pg_hba.conf": open_, f"{new}/pg_hba.conf": "local all all peer\n"}, runs, P),
            ({f"{old}/pg_hba.conf": "local all all peer\n"}, runs, U),
            ({f"{new}/pg_hba.conf": open_ + "host all all all TRUST\n"}, runs, U),
            ({f"{new}/pg_hba.conf": "host all all 0.0.0.0/0 reject\n" + open_}, runs, P),
            (
                {f"{new}/pg_hba.conf": "host a a 10.0.0.0/8 reject\nhost a a 10.1.0.0/16 trust\n"},
                runs,
                P,
            ),
            (
                {f"{new}/pg_hba.conf": "host a a 10.1.0.0/16 reject\nhost a a 10.0.0.0/8 trust\n"},
                runs,
                F,
            ),
            ({f"{new}/pg_hba.conf": "hostssl all all all trust clientcert=verify-full\n"}, runs, P),
            ({f"{new}/pg_hba.conf": "hostssl all all all trust clientcert=verify-ca\n"}, runs, U),
            ({f"{new}/pg_hba.conf": "host all all 10.0.0.0/8 ident\n"}, runs, U),
            ({f"{new}/pg_hba.conf": "host all all 127.0.0.1/32 ident\n"}, runs, P),
            ({f"{new}/pg_hba.conf": f"{peer}all\n", **maps}, runs, F),
            ({f"{new}/pg_hba.conf": f"{peer}own\n", **maps}, runs, P),
            ({f"{new}/pg_hba.conf": "include x.conf\n"}, runs, U),
            (
                {f"{late}/pg_hba.conf": "include x.conf\n", f"{late}/x.conf": open_},
                f"postgres -D {late}",
                F,
            ),
            (
                {
                    f"{late}/pg_hba.conf": "include_dir d\n" + open_,
                    f"{late}/d/a.conf": "host all all all reject\n",
                },
                f"postgres -D {late}",
                P,
            ),
            ({f"{late}/pg_hba.conf": "include /opt/x.conf\n"}, f"postgres -D {late}", U),
            (
                {
                    f"{new}/pg_hba.conf": "local all all peer\n",
                    f"{new}/postgresql.conf": "hba_file = '/opt/hba'\n",
                },
                runs,
                U,
            ),
            (
                {
                    f"{new}/pg_hba.conf": "local all all peer\n",
                    f"{new}/postgresql.conf": f"hba_file = '{new}/pg_hba.conf'\n",
                },
                runs,
                P,
            ),
            ({"/var/lib/pgsql/data/pg_hba.conf": open_}, "postgres -D /var/lib/pgsql/data", F),
        )
    ):
        with subtests.test(f"{number} {contents}"):
            assert judge(check, contents, line).verdict is verdict


def test_redis_over_tls_and_accounts_without_power(subtests: Any) -> None:
    bound = "bind 192.0.2.1\nprotected-mode no\n"
    conf = "/etc/redis/redis.conf"
    for number, (text, verdict) in enumerate(
        (
            (bound + "port 0\ntls-port 6379\n", P),
            (bound + "port 0\ntls-port 6379\ntls-auth-clients no\n", F),
            (bound + "user default on nopass -@all +ping\n", P),
            (bound + "user default on nopass -@all +get\n", F),
            (bound + "requirepass x\nuser bob on nopass\n", P),
            (bound + "requirepass x\nuser bob on nopass +@all\n", F),
            (bound + "include /etc/redis/pw.conf\n", P),
            (bound + "include /opt/pw.conf\n", U),
            ('include /etc/redis/pw.conf\nrequirepass ""\n' + bound, F),
            (bound + "port 6390\n", P),
        )
    ):
        with subtests.test(f"{number} {text}"):
            contents = {conf: text, "/etc/redis/pw.conf": "requirepass S3cret\n"}
            verdict_ = judge(
                BY_ID["redis-password"], contents, "redis-server 192.0.2.1:6379"
            ).verdict
            assert verdict_ is verdict


def test_servers_beside_those_whose_files_were_read(subtests: Any) -> None:
    # as Redis 7.0.15, vsftpd 3.0.3 and exportfs 2.6.2 show them, 2026-11-30
    redis = {"/etc/redis/redis.conf": "bind 0.0.0.0\nrequirepass x\n"}
    ftp = {"/etc/vsftpd.conf": "listen=YES\nanonymous_enable=NO\n"}
    hba = {"/etc/postgresql/15/main/pg_hba.conf": "host all all all md5\n"}
    etab = "/srv/x\t{}(rw,sync,wdelay,hide,insecure,no_root_squash,secure_locks,acl,no_pnfs,{})\n"
    ids = "fsid=7,anonuid=65534,anongid=65534,sec=sys,rw,no_root_squash,no_all_squash"
    nfs = {"/etc/exports": "", "/var/lib/nfs/etab": etab.format("*", ids)}
    cases: tuple[tuple[str, dict[str, str], tuple[str, ...], Verdict], ...] = (
        ("redis-password", redis, ("redis-server 0.0.0.0:6379",), P),
        ("redis-password", redis, ("redis-server /etc/redis/redis.conf",), P),
        ("redis-password", redis, ("redis-server /opt/redis.conf",), U),
        ("redis-password", {"/etc/redis/a.conf": "port 6380\nrequirepass x\n"},
         ("redis-server 0.0.0.0:6379",), U),
        ("ftp-anonymous", ftp, ("vsftpd /etc/vsftpd.conf",), P),
        ("ftp-anonymous", ftp, ("vsftpd /opt/vsftpd.conf",), U),
        ("ftp-anonymous", ftp, ("vsftpd /etc/vsftpd.conf -oanonymous_enable=YES",), U),
        ("postgresql-trust", hba, ("postgres -D /etc/postgresql/15/main",
                                   "postgres: checkpointer"), P),
        ("postgresql-trust", hba, ("postgres -D /etc/postgresql/15/main", "postgres"), U),
        ("nfs-exports", nfs, ("nfsd",), F),
        ("nfs-exports", {"/etc/exports": "", "/var/lib/nfs/etab": ""}, ("nfsd",), P),
    )  # fmt: skip
    for number, (id, contents, lines, verdict) in enumerate(cases):
        with subtests.test(f"{number} {id}"):
            assert judge(BY_ID[id], contents, *lines).verdict is verdict


def test_accounts_of_snmp_that_need_no_password() -> None:
    for line, verdict in (("rouser ops priv", P), ("rouser guest noauth", U), ("rwuser x", P)):
        files_ = {"/etc/snmp/snmpd.conf": f"{line}\n"}
        assert judge(BY_ID["snmp-community"], files_, "snmpd -f").verdict is verdict, line
