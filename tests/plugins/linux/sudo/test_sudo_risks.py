"""What a command that sudo allows can be turned into."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.model import (
    Answer,
    Verdict,
)
from audit_linux.sudo.sudo_risks import Risk, risk
from invented.sudoers import BASE, LOCAL, Read, judged_password

Make = Callable[..., Answer]
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED


# Fixed arguments that make root of a user all the same, or may: found by trying such rules.
FIXED = {
    Risk.ROOT: (
        "usermod -aG sudo bob", "usermod -a -G docker,users bob", "gpasswd -a bob wheel",
        "useradd -o -u 0 x", "adduser bob sudo", "passwd -d root", "passwd --delete root",
        "ip netns exec x /bin/sh", "ssh -o ProxyCommand=x h",
    ),
    Risk.REPLACEABLE: (
        "cp /home/bob/x /etc/passwd", "mv /tmp/x /etc/sudoers", "ln -sf /home/bob/x /etc/cron.d/x",
        "install -m 4755 /home/bob/x /usr/bin/x", "rsync -a /home/bob/ /etc/",
        "dpkg -i /home/bob/x.deb", "rpm -U /tmp/x.rpm", "insmod /home/bob/x.ko",
        "setcap cap_setuid+ep /home/bob/x", "ldconfig -f /home/bob/x",
        "update-alternatives --set editor /home/bob/x", "systemctl enable /home/bob/x.service",
    ),
    Risk.UNSEEN: (
        "chown bob /etc/shadow", "chmod 666 /etc/shadow", "chmod u+s /bin/bash",
        "tar -xf /home/bob/x.tar -C /", "unzip /tmp/x.zip -d /", "mount /dev/sdb1 /etc",
        "sed -i s/x/y/ /etc/passwd", "patch /etc/passwd /opt/p", "wget -O /etc/cron.d/x x",
        "curl -o /etc/passwd x", "tcpdump -z /home/bob/x", "openssl enc -in /etc/shadow",
        "sysctl -w kernel.core_pattern=|/home/bob/x", "tar -czf /backup/e.tgz /home/ /etc/",
    ),
    Risk.NONE: (
        "apt-get update", "docker ps", "chown bob /srv/www", "sed -n p /etc/shadow", "reboot",
        "tar -czf /backup/x.tgz /srv", "cp /srv/a /srv/b", "su - alice", "usermod -L bob",
        "systemctl restart nginx", "passwd bob", "ip addr", "mount /mnt", "ssh web1 uptime",
    ),
}  # fmt: skip


def test_fixed_arguments_that_make_root() -> None:
    for what, commands in FIXED.items():
        for command in commands:
            assert risk(f"/usr/bin/{command}") is what, command


# Container engines with fixed arguments; invented.
ENGINES = {
    Risk.ROOT: (
        "docker run -it -v /\\:/host alpine sh", "docker run -it --privileged alpine sh",
        "docker run --rm --pid host -it alpine sh", "docker exec *", "podman", "lxc-attach",
        "docker run -v /var/run/docker.sock\\:/var/run/docker.sock -it docker sh",
        "ctr run -t --privileged docker.io/x a sh", "kubectl edit deployment web",
        "kubectl debug node/n1 -it --image=x", "nsenter -t 1 -m -u sh",
        "nsenter --target 1 --mount", "machinectl shell", "machinectl shell root@.host",
        "lxc config edit", "virsh edit vm", "gosu root bash", "run0",
    ),
    Risk.REPLACEABLE: (
        "docker compose -f /home/bob/c.yml up", "docker build /home/bob",
        "kubectl apply -f /home/bob/x.yaml", "virsh define /tmp/vm.xml",
    ),
    Risk.UNSEEN: (
        "docker exec web sh", "docker exec -it web bash", "docker run --rm -v /srv\\:/d backup",
        "docker cp web\\:/x /etc/passwd", "podman exec -it web sh", "kubectl exec -it pod -- sh",
        "kubectl get secret -o yaml", "lxc exec web -- bash", "lxc-attach -n web", "pct enter 100",
        "ctr tasks exec -t a sh", "crictl exec -it a sh", "runc exec a sh", "isula exec -it a sh",
        "machinectl shell web", "nsenter -t 1 -m -- /usr/bin/id", "docker-compose up -d",
        "docker compose up -d", "docker run --privileged alpine sh",
    ),
    Risk.NONE: (
        "docker ps -a", "docker container ls", "docker logs web", "docker restart web",
        "kubectl -n web get pods", "lxc list", "machinectl list", "virsh start vm",
        "docker compose ps",
    ),
}  # fmt: skip


def test_container_engines(subtests: pytest.Subtests) -> None:
    for wanted, commands in ENGINES.items():
        for command in commands:
            with subtests.test(command):
                assert risk(f"/usr/bin/{command}") is wanted


TURNED_INTO = [
    ("ALL", Risk.ROOT),
    ("!/bin/bash", Risk.NONE),
    ("/usr/sbin/fdisk -l", Risk.NONE),
    ("/usr/sbin/fdisk", Risk.ROOT),
    ("/usr/sbin/fdisk -l *", Risk.ROOT),
    ("/usr/bin/redis-cli info memory", Risk.NONE),
    ("/usr/bin/screen -r", Risk.ROOT),
    ("list", Risk.NONE),
    ("^/usr/bin/[a-z]+$", Risk.ROOT),
    ("^/usr/bin/[[:alpha:]0-9]+$ -v", Risk.ROOT),
    ("^/opt/app/[a-z]+$", Risk.UNSEEN),
    ("^/usr/bin/(a|b)+*$", Risk.UNSEEN),
    ("^/usr/s?bin/(vim|less)$", Risk.ROOT),
    ("^/usr/bin/(id|who(ami)?)$", Risk.NONE),
    ("^(/usr)?/bin/cat$ /etc/hosts", Risk.NONE),
    ("/usr/bin/systemctl ^restart (nginx|app-[a-z0-9]+)$", Risk.NONE),
    ("/usr/bin/systemctl ^(start|edit) nginx$", Risk.ROOT),
    ("/usr/bin/systemctl ^[a-z]+ nginx$", Risk.ROOT),
    ("/usr/sbin/usermod ^-aG [a-z]+ bob$", Risk.ROOT),
    ("/bin/cat ^/var/log/app\\.[0-9]{1,3}\\.log$", Risk.NONE),
    ("/bin/cat ^/var/log/.*$", Risk.READS),
    ("/bin/cat ^/etc/(passwd|shadow)$", Risk.READS),
    ("/usr/bin/id ^[^ ]*$", Risk.NONE),
    # shells and languages
    ("/bin/sh", Risk.ROOT),
    ('/bin/sh ""', Risk.ROOT),
    ("/bin/bash -p", Risk.ROOT),
    ("/usr/bin/python3.11", Risk.ROOT),
    ("/usr/bin/python3 /opt/x.py", Risk.UNSEEN),
    ("/usr/bin/python3 /opt/*.py", Risk.ROOT),
    ("/usr/bin/perl /home/bob/x.pl", Risk.REPLACEABLE),
    # editors, pagers and clients: a fixed file does not hold them
    ("/usr/bin/vim.basic /etc/hosts", Risk.ROOT),
    ("/usr/bin/less /var/log/syslog", Risk.ROOT),
    ("/usr/bin/mysql -e status", Risk.ROOT),
    ("/usr/sbin/visudo", Risk.ROOT),
    ("/usr/sbin/chpasswd", Risk.ROOT),
    # what decides are the arguments
    ("/usr/bin/find", Risk.ROOT),
    ('/usr/bin/find ""', Risk.NONE),
    ("/usr/bin/find /srv -name x", Risk.NONE),
    ("/usr/bin/find /srv -name *", Risk.ROOT),
    ("/usr/bin/find /srv -name \\*", Risk.NONE),
    ("/usr/bin/find /srv -exec /bin/cat {} \\;", Risk.NONE),
    ("/usr/bin/find /srv -exec vi {} \\;", Risk.ROOT),
    ("/usr/bin/find /srv -exec /usr/bin/tar -tf {} ; -printf y -name *", Risk.ROOT),
    ("/usr/bin/find /srv -exec /usr/bin/tar -tf {} ; -printf \\* -name \\*", Risk.NONE),
    ("/usr/bin/find /srv -exec /usr/bin/tar -tf {} ; -exec vi {} +", Risk.ROOT),
    ("/usr/bin/find /srv -exec /bin/cat + -exec {} ;", Risk.NONE),
    ("/usr/bin/find /srv" + 150 * " -exec /usr/bin/gzip -tq {} ;", Risk.NONE),
    ("/usr/bin/find /srv" + 100 * " -exec /usr/bin/find", Risk.UNSEEN),
    (100 * "/usr/bin/env " + "/bin/true", Risk.UNSEEN),
    ("/usr/bin/prlimit --as=9 /bin/true", Risk.NONE),
    ("/usr/bin/prlimit --as=9 /bin/sh", Risk.ROOT),
    ("/usr/bin/prlimit", Risk.ROOT),
    ("/usr/bin/tar czf /backup/a.tgz /srv", Risk.NONE),
    ("/usr/bin/tar czf /backup/a.tgz [a-z]", Risk.ROOT),
    ("/usr/bin/cp", Risk.ROOT),
    ("/usr/bin/dd", Risk.ROOT),
    ("/usr/bin/tee /var/log/a", Risk.NONE),
    ("/usr/bin/tee -a /etc/sudoers", Risk.ROOT),
    ("/usr/bin/awk", Risk.ROOT),
    ("/usr/bin/systemctl", Risk.ROOT),
    ("/usr/bin/systemctl restart nginx", Risk.NONE),
    ("/usr/bin/systemctl restart *", Risk.ROOT),
    ("/usr/bin/systemctl edit nginx", Risk.ROOT),
    ("/usr/bin/systemctl status nginx", Risk.PAGER),
    ("/usr/bin/systemctl --no-pager status nginx", Risk.NONE),
    ("/usr/bin/journalctl", Risk.PAGER),
    ("/usr/bin/journalctl --no-pager -u x", Risk.NONE),
    ("/usr/bin/crontab -l", Risk.NONE),
    ("/usr/bin/crontab -e", Risk.ROOT),
    ("/usr/bin/passwd bob", Risk.NONE),
    ("/usr/bin/passwd root", Risk.ROOT),
    ("/usr/bin/passwd [A-Za-z]*", Risk.ROOT),
    ("/usr/bin/su", Risk.ROOT),
    ("/usr/bin/su - oracle", Risk.NONE),
    ("/usr/bin/su - root", Risk.ROOT),
    ("/usr/bin/su -l", Risk.ROOT),
    ("/usr/bin/git pull", Risk.UNSEEN),
    ("/usr/bin/make install", Risk.UNSEEN),
    ("sudoedit", Risk.ROOT),
    ("sudoedit /etc/motd", Risk.NONE),
    ("sudoedit /etc/sudoers.d/x", Risk.ROOT),
    ("sudoedit /srv/*", Risk.ROOT),
    # what starts another program is that program
    ("/usr/bin/env", Risk.ROOT),
    ("/usr/bin/timeout 5 /bin/bash", Risk.ROOT),
    ("/usr/bin/timeout -k 2 5 /usr/bin/id -u", Risk.NONE),
    ("/usr/bin/env A=1 vim", Risk.ROOT),
    ("/usr/bin/nice -n 5 /usr/bin/find /srv -name \\*", Risk.NONE),
    ("/usr/bin/sudo -i", Risk.ROOT),
    ("/usr/bin/timeout" + " timeout" * 9000, Risk.UNSEEN),
    ("/usr/bin/" + "*a" * 9000, Risk.UNSEEN),
    ("\\", Risk.UNSEEN),
    # where it stands
    ("/usr/bin/id", Risk.NONE),
    ("/usr/bin/id *", Risk.NONE),
    ("/opt/app/ctl restart", Risk.UNSEEN),
    ("/usr/local/bin/backup.sh", Risk.UNSEEN),
    ("/home/bob/run.sh", Risk.REPLACEABLE),
    ("/tmp/x", Risk.REPLACEABLE),
    ("/opt/bash", Risk.ROOT),
    # folders and wildcards in the name
    ("/usr/bin/", Risk.ROOT),
    ("/usr/bin/*", Risk.ROOT),
    ("/usr/bin/* status", Risk.ROOT),
    ("/usr/bin/v?m", Risk.ROOT),
    ("/usr/sbin/check_*", Risk.ROOT),  # check_by_ssh is one of them
    ("/usr/sbin/lv[sd]", Risk.NONE),
    ("/usr/local/nagios/libexec/check_*", Risk.UNSEEN),
    ("/opt/*/run", Risk.UNSEEN),
]


def test_what_a_command_can_be_turned_into(subtests: pytest.Subtests) -> None:
    for command, expected in TURNED_INTO:
        with subtests.test(command[:80]):
            assert risk(command) is expected


_VERDICTS = {
    Risk.ROOT: FAIL, Risk.REPLACEABLE: FAIL, Risk.UNSEEN: UNDETERMINED, Risk.PAGER: UNDETERMINED,
    Risk.NONE: PASS,
}  # fmt: skip


@pytest.mark.parametrize(
    ("command", "seen"),
    [("/usr/bin/vi", Risk.ROOT), ("/home/bob/x", Risk.REPLACEABLE), ("/opt/x", Risk.UNSEEN),
     ("/usr/bin/journalctl", Risk.PAGER), ("/usr/bin/id", Risk.NONE)],
)  # fmt: skip
def test_what_a_command_without_a_password_is_judged(command: str, seen: Risk, read: Read) -> None:
    judged = judged_password(read(f"{BASE}bob ALL=NOPASSWD: {command}\n"), LOCAL, None, None)
    assert judged.verdict is _VERDICTS[seen]
    assert any((f"bob = {command}",) in detail.args.values() for detail in judged.detail)
    asked = judged_password(read(f"{BASE}bob ALL={command}\n"), LOCAL, None, None)
    assert asked.verdict is PASS
