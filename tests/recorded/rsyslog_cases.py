"""Configurations of rsyslog, by what they are about; none was taken from a host."""

from __future__ import annotations

MAIN = "/etc/rsyslog.conf"
LOADED = 'module(load="imuxsock")\n'
_ALL = "*.* /var/log/all\n"

_RULES = {
    # selectors
    "as Debian ships it": "*.*;auth,authpriv.none -/var/log/syslog\nauth,authpriv.* /var/log/a\n"
                          "cron.* -/var/log/cron.log\n*.emerg :omusrmsg:*\n",
    "as RHEL ships it": "*.info;mail.none;authpriv.none;cron.none /var/log/messages\n"
                        "authpriv.* /var/log/secure\ncron.* /var/log/cron\n",
    "severity": "*.=info /var/log/b\n*.!info /var/log/c\nauthpriv.info;authpriv.!=notice "
                "/var/log/e\n*.notice;auth,authpriv.none /var/log/f\n*.info;*.!notice /var/log/i\n",
    "names in capitals, security": "AUTH.INFO /var/log/h\nsecurity.* /var/log/k\n",
    "none, then one": "*.none;authpriv.* /var/log/j\nauth.none /var/log/n\n",
    "numbers of severity": "auth.6 /var/log/a\nauthpriv.5 /var/log/b\n",
    "a name that does not exist": "logins.* /var/log/a\nauth.loud /var/log/b\n" + _ALL,
    "a blank in a selector": "*.*;mail.none; authpriv.none /var/log/b\n",
    "several blanks, tabs": "authpriv.* \t  /var/log/a\n  authpriv.* stop\n *.* /var/log/b\n",
    # discards
    "discard, old form": "authpriv.* ~\n" + _ALL,
    "discard of two facilities": "auth,authpriv.* ~\n" + _ALL,
    "stop before the write": "auth,authpriv.* stop\nauth,authpriv.* /var/log/auth.log\n" + _ALL,
    "stop after the write": "authpriv.* /var/log/a\n& stop\n" + _ALL,
    "discard of all": _ALL + "stop\n*.* /var/log/later\n",
    "to /dev/null": "auth,authpriv.* /dev/null\n*.*;auth,authpriv.none /var/log/all\n",
    "to /dev/null, then a file": "auth,authpriv.* /dev/null\n" + _ALL,
    "to a terminal and a pipe": "auth.* /dev/console\nauthpriv.* |/var/log/pipe\n",
    "to accounts": "auth,authpriv.* root,alice\n*.=cron :omusrmsg:*\n",
    # property filters
    "program": ':programname, isequal, "sshd" stop\n:programname, isequal, "sudo" ~\n' + _ALL,
    "another program": ':programname, isequal, "haproxy" stop\n' + _ALL,
    "not this program": ':programname, !isequal, "sshd" stop\n' + _ALL,
    "text": ':msg, contains, "COMMAND" ~\n:msg, contains, "Accepted" stop\n' + _ALL,
    "other text": ':msg, contains, "Connection closed by" stop\n'
                  ':msg, contains, "session opened for nobody" stop\n' + _ALL,
    "text over words": ':msg, contains, "for alice from" stop\n' + _ALL,
    "text of a name": ':msg, contains, "alice" stop\n' + _ALL,
    "start of text": ':msg, startswith, " Accepted" stop\n:msg, startswith, "Failed" stop\n' + _ALL,
    "tag": ':syslogtag, startswith, "CRON" /var/log/cron\n:syslogtag, isequal, "sshd" stop\n'
           ':syslogtag, contains, "sudo" stop\n' + _ALL,
    "regular expression": ':msg, regex, "Accepted" stop\n:msg, ereregex, "Failed|x" stop\n' + _ALL,
    "negated text": ':msg, !contains, "Accepted" stop\n' + _ALL,
    "block after a filter": ':msg, contains, "CMD" {\n /var/log/a\n stop\n}\n' + _ALL,
    "quotes in a filter": ':msg, contains, "a \\"quote\\"" stop\n' + _ALL,
    "empty text": ':programname, startswith, "" ~\n' + _ALL,
    "case of text": ':msg, contains, "accepted" stop\n:programname, isequal, "SSHD" stop\n' + _ALL,
    # RainerScript
    "if, then stop": "if $programname == 'sshd' then stop\n" + _ALL,
    "if, then discard": "if $programname == 'sshd' then ~\n" + _ALL,
    "if with a block": "if $syslogfacility-text == 'authpriv' then {\n /var/log/a\n stop\n}\n"
                       + _ALL,
    "if, else": "if $programname startswith 'ss' then stop\nelse /var/log/x\n" + _ALL,
    "else if": "if $programname == 'sshd' then { stop } else if $programname == 'sudo' then "
               "{ /var/log/a\n } else { /var/log/c\n }\n",
    "and, or from left to right": "if $programname == 'sudo' or $programname == 'sshd' and "
                                  "$programname == 'nobody' then stop\n" + _ALL,
    "not binds closely": "if not $programname == 'sudo' then stop\n" + _ALL,
    "not of a comparison": "if not ($programname == 'sudo') then stop\n" + _ALL,
    "numbers": "if $syslogfacility == 10 then /var/log/a\nif $syslogseverity <= 5 then /var/log/b\n"
               "if $syslogseverity <= '5' then /var/log/c\nif $pri == 86 then /var/log/d\n"
               "if $syslogseverity > 5 then /var/log/e\n",
    "texts of numbers": "if $pri-text == 'authpriv.info' then /var/log/a\nif "
                        "$syslogpriority-text == 'info' then /var/log/b\n"
                        "if $syslogseverity-text != 'info' then /var/log/c\n",
    "arrays": "if $programname == ['sshd', 'sudo'] then /var/log/a\n"
              "if $programname != ['sshd', 'sudo'] then /var/log/b\n"
              "if $msg contains ['COMMAND', 'CMD'] then /var/log/c\n",
    "functions": "if prifilt('authpriv.*') then /var/log/a\n"
                 "if tolower($programname) == 'cron' then /var/log/b\n"
                 "if re_match($msg, 'COMM') then /var/log/c\n",
    "case ignored": "if $programname startswith_i 'SS' then /var/log/a\n"
                    "if $msg contains_i 'ACCEPTED' then /var/log/b\n",
    "of this host": "if $fromhost-ip != '127.0.0.1' then stop\n"
                    "if $inputname == 'imuxsock' then /var/log/a\n",
    "of another host": "if $fromhost-ip == '192.0.2.1' then stop\n" + _ALL,
    "by name of host": "if $hostname == 'web1' then stop\n" + _ALL,
    "variables": "set $.x = 'a';\nif $.x == 'a' then stop\n" + _ALL,
    "over several lines": "if ($programname == 'sshd') then\n  action(type=\"omfile\" "
                          'file="/var/log/a")\n& stop\n' + _ALL,
    "text and facility": 'if $msg contains "Acc" and ($syslogfacility-text == "auth" or '
                         '$syslogfacility-text == "authpriv") then stop\n' + _ALL,
    "action object": 'action(type="omfile" file="/var/log/b")\nstop\n' + _ALL,
    "selector, then an object": 'authpriv.* action(type="omfile"\n  file="/var/log/b")\n',
    "words in capitals": "IF $programname == 'sshd' THEN STOP\n" + _ALL,
    "an empty block": "if $programname == 'sshd' then { }\n" + _ALL,
    # rulesets
    "call": 'ruleset(name="logins") { action(type="omfile" file="/var/log/r1") stop }\n'
            "authpriv.* call logins\n" + _ALL,
    "call before it is there": _ALL + "if $programname == ['sshd','sudo'] then call logins\n"
                               'ruleset(name="logins") {\n authpriv.* stop\n '
                               'action(type="omfile" file="/var/log/r1") }\n',
    "call in another case": 'ruleset(name="Logins") { stop }\nauthpriv.* call logins\n' + _ALL,
    "a ruleset that nobody calls": 'ruleset(name="logins") { stop }\n' + _ALL,
    "call of nothing": "call nothing\n" + _ALL,
    "rulesets of the old form": "$RuleSet other\n*.* /var/log/other\n"
                                "$RuleSet RSYSLOG_DefaultRuleset\n" + _ALL,
    "the rules after a ruleset": "$RuleSet other\n" + _ALL,
    "another default": "$RuleSet other\n*.* /var/log/other\n$RuleSet RSYSLOG_DefaultRuleset\n"
                       "$DefaultRuleset other\n" + _ALL,
    "a default that is not there yet": "$DefaultRuleset other\n" + _ALL
                                       + "$RuleSet other\n*.* /var/log/other\n",
    "a selector within a line": 'ruleset(name="logins") { authpriv.* stop\n action(type="omfile" '
                                'file="/var/log/r1") }\ncall logins\n',
    # forwarding
    "forward all": f"*.* @@log.example.com:514\n{_ALL}",
    "forward by UDP, one facility": "auth.* @log.example.com:514\n",
    "forward without logins": "*.*;auth,authpriv.none @@log.example.com:514\n" + _ALL,
    "forward object": '*.* action(type="omfwd" target="log.example.com" port="514" '
                      'protocol="tcp")\n',
    "forward after stop": "authpriv.* /var/log/a\n& stop\n*.* @@log.example.com:514\n",
    "forward in a ruleset": 'ruleset(name="out") { action(type="omfwd" target="log.example.com" '
                            'port="514" protocol="tcp") }\nauth,authpriv.* call out\n',
    # outputs
    "template, minus": "*.* /var/log/b;RSYSLOG_TraditionalFileFormat\n*.* -/var/log/c\n",
    "comment after an action": "*.* /var/log/b # comment\n",
    "file of a template": 'template(name="t" type="string" string="/var/log/%programname%.log")\n'
                          'action(type="omfile" dynaFile="t")\n',
    "file of a template, not synced": '$template d,"/var/log/%programname%.log"\n*.* -?d\n',
    "a template that is not defined before": "auth.* /var/log/a;NoSuch\n*.* /var/log/b;Mine\n"
        '$template Mine,"x %syslogtag% %msg%\\n"\n*.* /var/log/c;Mine\n*.* /var/log/d;mine\n'
        '*.* action(type="omfile" file="/var/log/e" template="Mine")\n'
        "*.* /var/log/f; RSYSLOG_FileFormat\n"
        '$ActionFileDefaultTemplate RSYSLOG_FileFormat\n*.* /var/log/g\n',
    "a default template that does not exist": "$ActionFileDefaultTemplate Nope\n" + _ALL,
    "backquotes": "if $programname == `echo sshd` then stop\n" + _ALL,
    "only when another is down": "$ActionExecOnlyWhenPreviousIsSuspended on\n*.* /var/log/a\n"
                                 "$ActionExecOnlyWhenPreviousIsSuspended off\n*.* /var/log/c\n",
    "only when another is down, object":
        _ALL + '*.* action(type="omfile" file="/var/log/spare" '
        'action.execOnlyWhenPreviousIsSuspended="on")\n',
    "every tenth record, old form": "$ActionExecOnlyEveryNthTime 10\nauth.* /var/log/a\n" + _ALL,
    "one record an hour, old form":
        "$ActionExecOnlyOnceEveryInterval 3600\nauth,authpriv.* /var/log/a\ncron.* /var/log/b\n",
    "every tenth record, every record":
        'auth.* action(type="omfile" file="/var/log/a" action.execOnlyEveryNthTime="10")\n'
        'authpriv.* action(type="omfile" file="/var/log/b" action.execOnlyEveryNthTime="1")\n',
    "a queue that discards":
        'auth.* action(type="omfile" file="/var/log/a" queue.type="LinkedList" queue.size="100" '
        'queue.discardMark="1" queue.discardSeverity="4")\n'
        'authpriv.* action(type="omfile" file="/var/log/b" queue.type="LinkedList" '
        'queue.size="100" queue.discardMark="80" queue.discardSeverity="8")\n',
    "a file without a name": 'auth.* action(type="omfile" file="")\n' + _ALL,
    "a channel": "$outchannel o,/var/log/o,1000000,/bin/true\n*.* :omfile:$o\n",
    "files by host":
        'template(name="T" type="string" string="/var/log/hosts/%HOSTNAME%/%PROGRAMNAME%.log")\n'
        'auth.* action(type="omfile" dynaFile="T")\n& stop\n' + _ALL,
    "a ruleset of one letter": 'ruleset(name="a") {\n auth.* stop\n}\ncall a\n' + _ALL,
    "blocks in blocks":
        "if $syslogseverity <= 6 then {\n if $syslogfacility-text == 'auth' then {\n stop\n } "
        "else if $syslogfacility-text == 'authpriv' then {\n /var/log/p\n }\n}\n",
    "a condition over lines":
        "if ($programname == 'sshd')\n  or ($programname == 'sudo')\nthen {\n"
        ' action(type="omfile" file="/var/log/a")\n stop\n}\n' + _ALL,
    # lines and errors
    "lines that go on": "*.* \\\n  /var/log/b\n# a comment \\\n*.* /var/log/c\n",
    "comments": "/* auth.* stop\n*/\n# authpriv.* stop\n" + _ALL,
    "an error of syntax": _ALL + "if $msg contains 'x' { stop\n*.* /var/log/later\n",
    "an error before all": "if $programname == 'sshd'\n # a comment\n then stop\n" + _ALL,
    "stop after a block": "if $programname == 'sshd' then {\n /var/log/a\n}\n& stop\n" + _ALL,
    "words that are accounts": _ALL + "some_words here\n*.* /var/log/c\n",
    "BSD blocks": "!sshd\n*.* /var/log/a\n!*\n" + _ALL,
    "CR LF": "authpriv.* stop\r\n*.* /var/log/all\r\n",
    "byte order mark before a rule": "\ufeffauthpriv.* stop\n*.* /var/log/all\n",
    "byte order mark before a statement": "\ufeffif $programname == 'sshd' then stop\n" + _ALL,
    "byte order mark before a comment": "\ufeff# rules\n" + _ALL,
    "a module that is missing": 'module(load="omnothing")\n' + _ALL,
}  # fmt: skip

_DROPPED = "if $programname == 'sudo' then stop\n"
CASES: dict[str, dict[str, str]] = {
    **{name: {MAIN: LOADED + text} for name, text in _RULES.items()},
    "no input": {MAIN: _ALL},
    "an input of other hosts": {MAIN: 'module(load="imtcp")\n' + _ALL},
    "the socket is off": {MAIN: 'module(load="imuxsock" SysSock.Use="off")\n' + _ALL},
    "the old form of the input": {MAIN: "$ModLoad imklog\n" + _ALL},
    "drop-ins": {
        MAIN: LOADED + "$IncludeConfig /etc/rsyslog.d/*.conf\n" + _ALL,
        "/etc/rsyslog.d/10-a.conf": _DROPPED,
        "/etc/rsyslog.d/.hidden.conf": "stop\n",
        "/etc/rsyslog.d/b.conf.bak": "stop\n",
    },
    "drop-ins, by order": {
        MAIN: LOADED + 'include(file="/etc/rsyslog.d/*.conf" mode="optional")\n' + _ALL,
        "/etc/rsyslog.d/20-a.conf": "auth.* stop\n",
        "/etc/rsyslog.d/10-a.conf": "auth.* /var/log/early\n",
        "/etc/rsyslog.d/30-a.conf": "auth.* /var/log/late\n",
    },
    "drop-ins after the rules": {
        MAIN: LOADED + _ALL + "$IncludeConfig /etc/rsyslog.d/*.conf\n",
        "/etc/rsyslog.d/10-a.conf": "stop\n",
    },
    "drop-ins that are not included": {MAIN: LOADED + _ALL, "/etc/rsyslog.d/a.conf": "stop\n"},
    "an error in a drop-in": {
        MAIN: LOADED + "$IncludeConfig /etc/rsyslog.d/*.conf\n" + _ALL,
        "/etc/rsyslog.d/10-a.conf": "if $msg contains 'x' {\n",
    },
    "a drop-in within a block": {
        MAIN: LOADED + "if $programname == 'sudo' then {\n"
                       ' include(file="/etc/rsyslog.d/one.conf")\n}\n' + _ALL,
        "/etc/rsyslog.d/one.conf": "stop\n",
    },
}  # fmt: skip
