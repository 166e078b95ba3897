"""Which programs a command line makes root run."""

from __future__ import annotations

import pytest

from audit_linux.files.command_lines import started_by, started_by_words

# A line, and what of /opt it runs; the shell that follows it is that of cron, in /root.
LINES = {
    "/opt/x": "/opt/x",
    "cd /opt && ./x": "/opt/x",
    "cd /opt; python3 x.py": "/opt/x.py",
    "cd /opt/a; cd ..; ./x": "/opt/x",
    "D=/opt; $D/x": "/opt/x",
    'D=/opt; exec "${D}/x" -a': "/opt/x",
    "[ -x /opt/y ] && /opt/x": "/opt/x",
    "test -f /opt/y || /opt/x": "/opt/x",
    "if [ -f /opt/y ]; then /opt/x; fi": "/opt/x",
    "echo $(/opt/x)": "/opt/x",
    "a=`/opt/x`": "/opt/x",
    "( cd /opt && ./x )": "/opt/x",
    "{ /opt/x; } >/dev/null 2>&1 &": "/opt/x",
    "for f in /opt/*.sh; do . $f; done": "/opt/*.sh",
    "case $1 in a) /opt/x;; esac": "/opt/x",
    "sh -c '/opt/x'": "/opt/x",
    "bash -lc 'exec /opt/x -a'": "/opt/x",
    'bash -c "cd /opt && ./x"': "/opt/x",
    "bash -e /opt/x": "/opt/x",
    'eval "/opt/x $a"': "/opt/x",
    "trap '/opt/x' EXIT": "/opt/x",
    "alias ls='/opt/x -l'": "/opt/x",
    ". /opt/x": "/opt/x",
    "flock -n /var/lock/x /opt/x": "/opt/x",
    "flock /run/l -c '/opt/x'": "/opt/x",
    "timeout -k 5 10 nice -n 10 /opt/x": "/opt/x",
    "timeout -s KILL 1h /opt/x": "/opt/x",
    "env -u A B=1 /opt/x": "/opt/x",
    "ls | xargs -n 1 -I {} /opt/x {}": "/opt/x",
    "find /tmp -name a -exec /opt/x {} \\;": "/opt/x",
    "ionice -c3 nohup setsid /opt/x": "/opt/x",
    "taskset -c 0,1 /opt/x": "/opt/x",
    "systemd-run --on-active=5 /opt/x": "/opt/x",
    "su -c /opt/x": "/opt/x",
    "su - root -c '/opt/x a'": "/opt/x",
    "sudo -n /opt/x": "/opt/x",
    "runuser -u root -- /opt/x": "/opt/x",
    "chroot /opt/root /bin/sh": "/opt/root",
    "java -Xmx1g -jar /opt/x.jar": "/opt/x.jar",
    "java -cp /a.jar:/opt/lib/* M": "/opt/lib",
    "perl -w /opt/x.pl": "/opt/x.pl",
    "python3 -W ignore /opt/x.py": "/opt/x.py",
    "run-parts --report /opt/d": "/opt/d",
    "cd /opt && git pull -q": "/opt",
    "git -C /opt pull": "/opt",
    "make -C /opt all": "/opt",
    "cd /opt && tar czf /b.tgz *": "/opt",
    "start-stop-daemon --start --exec /opt/x -- -a": "/opt/x",
    "PATH=/opt/bin:/bin": "/opt/bin",
    "export LD_PRELOAD=/opt/x.so": "/opt/x.so",
    "export -p; /opt/x": "/opt/x",
    # Files that a program reads as code, or as settings that name code.
    "awk -f /opt/x.awk /etc/passwd": "/opt/x.awk",
    "sed -f/opt/x.sed a": "/opt/x.sed",
    "logrotate -f /opt/x.conf": "/opt/x.conf",
    "ansible-playbook /opt/x.yml": "/opt/x.yml",
    "crontab /opt/table": "/opt/table",
    "at -f /opt/x now": "/opt/x",
    "dpkg -i /opt/x.deb": "/opt/x.deb",
    "rpm -Uvh /opt/x.rpm": "/opt/x.rpm",
    "apt-get install -y /opt/x.deb": "/opt/x.deb",
    "systemctl enable --now /opt/x.service": "/opt/x.service",
    "insmod /opt/x.ko": "/opt/x.ko",
    "perl -I/opt/lib /root/x.pl": "/opt/lib",
    "nginx -c /opt/x.conf": "/opt/x.conf",
    "docker compose -f /opt/c.yml up -d": "/opt/c.yml",
    "cd /opt/x && docker compose up": "/opt/x",
    "gunicorn --chdir /opt/x app:app": "/opt/x",
    "terraform -chdir=/opt/t apply": "/opt/t",
    "cd /opt/x && python3 -m app": "/opt/x",
    "ip netns exec a /opt/x": "/opt/x",
    "systemd-nspawn -D /opt/x /bin/true": "/opt/x",
    "cp /opt/x /usr/local/bin/tool": "/opt/x",
    "cp -t /usr/bin /opt/x": "/opt/x",
    "install -m 755 /opt/x /etc/cron.d/x": "/opt/x",
    "tar xzf /opt/x.tgz -C /": "/opt/x.tgz",
    "cp /opt/x /var/backups/": "",
    "rsync -a /opt/www/ /usr/share/nginx/html/": "",
    "tar xzf /opt/x.tgz -C /srv/x": "",
    "rpm -qf /opt/x": "",
    "sed -i s/a/b/ /opt/x": "",
    "docker run -v /opt/x:/x img": "",
    "apt-get install -y curl": "",
    # Others run these, or nothing is run.
    "su alice -c /opt/x": "",
    "su - alice -s /bin/sh -c '/opt/x'": "",
    "sudo -u alice /opt/x": "",
    "runuser -u alice -- /opt/x": "",
    "setpriv --reuid=alice /opt/x": "",
    "chpst -u app /opt/x": "",
    "start-stop-daemon -S -c app -x /opt/x": "",
    "tar czf /b.tgz /opt": "",
    "rm -rf /opt/x": "",
    "find /opt -name core -delete": "",
    "cat <<E\n/opt/x\nE\n": "",
    "echo '\n/opt/x\n'": "",
    "# /opt/x": "",
    "python3 -c 'x' /opt/x": "",
    "chmod 600 /opt/x; rm -f *": "",
    "ls > /opt/x": "",
    "git clone a /opt": "",
    "cd /opt && rm *": "",
    "logger /opt/x": "",
    "test -x /opt/x": "",
}


def test_what_a_line_of_a_shell_runs(subtests: pytest.Subtests) -> None:
    for line, wanted in LINES.items():
        with subtests.test(line):
            found = [path for path in started_by(line, "/root").paths if path.startswith("/opt")]
            assert found == ([wanted] if wanted else [])


def test_what_stays_unclear() -> None:
    for line in ("$X/run", "$(cat /etc/cmd)", "/opt/*/run"):
        assert started_by(line).unclear, line
    assert not started_by("D=/opt; $D/run; ls $HOME").unclear
    assert started_by_words(["/usr/bin/env", "A=1", "/opt/my app/x", "-a"]).paths == (
        "/usr/bin/env", "/opt/my app/x",
    )  # fmt: skip
