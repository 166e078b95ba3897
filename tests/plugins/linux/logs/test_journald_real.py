"""journald's settings, compared with what systemd-journald did (`recorded/journald.py`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from audit_core.api.sdk import FileEntry, FileStatus
from audit_core.model import Absent, Answer
from audit_core.model.files import encode_files
from audit_linux.logs.journald import JournalConf, parse_journal_conf
from recorded import journald as real

RECORDED = json.loads(real.DID.read_text())


def _entry(path: str, text: str | None) -> FileEntry:
    if text is None:
        return FileEntry(path=path, status=FileStatus.NOT_REGULAR)
    data = text.encode()
    return FileEntry(path=path, status=FileStatus.READ, size=len(data), data=data)


def _conf(given: dict[str, str | None], make: Callable[..., Answer]) -> JournalConf:
    read = [_entry(path, text) for path, text in given.items() if path.endswith(".conf")]
    found = parse_journal_conf(make(encode_files(read)))
    # nothing set is what is compiled in
    assert not isinstance(found, Absent) or not any(text is not None for text in given.values())
    return JournalConf() if isinstance(found, Absent) else found


def test_journald_does_what_its_settings_are_read_to_say(
    subtests: Any, answer: Callable[..., Answer]
) -> None:
    assert {name: case["files"] for name, case in RECORDED["cases"].items()} == real.CASES
    for name, case in RECORDED["cases"].items():
        # 252 has no file of /usr; later versions read it
        if name == "file of /usr":
            continue
        with subtests.test(name):
            conf, did = _conf(case["files"], answer), case["did"]
            assert conf.place(folder=True) == did["folder"]["place"] or not did["folder"]["levels"]
            assert conf.place(folder=False) == did["no folder"]["place"]
            _agree(conf, did["folder"])


def _agree(conf: JournalConf, did: dict[str, Any]) -> None:
    numbers = {"info": 6, "notice": 5, "err": 3}
    levels = [name for name, number in numbers.items() if number <= conf.store_level]
    assert did["levels"] == ([] if did["place"] == "none" else levels)
    sent = [name for name, number in numbers.items() if number <= conf.syslog_level]
    # not set: Debian's default, which is not taken for that of others
    assert did["syslog"] == ([] if conf.forward is False else sent)
