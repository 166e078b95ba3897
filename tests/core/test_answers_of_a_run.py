"""Answers of people as users meet them: given with a run, kept with it, packed and verified."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from audit_core.model.attestations import AnswerSet
from audit_core.policy.strict_yaml import as_written, load_bytes
from audit_core.views import schemas

from .command import Toy, one_line

NOTE = b"asked the administrator; password=hunter2hunter2\n"


@pytest.fixture
def answered(toys: Toy) -> Toy:
    """A run in which nobody could see one of two colours, and a file of answers."""
    toys.colours("blue", None)
    assert toys.run("--quiet").code == 0
    (toys.base / "note.txt").write_bytes(NOTE)
    write(toys)
    return toys


def write(toys: Toy, **more: str) -> Path:
    """The file of answers: the colour that nobody saw was affirmed."""
    keys = {
        "question": "toy/1.1/1@localhost", "verdict": "affirmed", "text": "it is blue, 是蓝色",
        "by": "张三", "date": "2026-11-20", "entered": "2026-11-21",
        "attachments": f"[{{file: note.txt, sha256: {hashlib.sha256(NOTE).hexdigest()}}}]",
    } | more  # fmt: skip
    path = toys.base / "answers.yaml"
    lines = "\n  ".join(f"{k}: {v}" for k, v in keys.items() if v)
    path.write_text(f"answers:\n- {lines}\n", encoding="utf-8")
    return path


def results(toys: Toy, *words: object) -> dict[str, Any]:
    done = toys("evaluate", "latest", "--store", toys.base / "store", "--format", "json", *words)
    assert done.code == 0, done.stderr
    document: dict[str, Any] = json.loads(done.out)
    return document


def step(document: dict[str, Any], clause: str = "1.1") -> dict[str, Any]:
    (found,) = (c for c in document["conclusions"] if c["clause"] == clause)
    return {**found, **found["steps"][0]}


def stored(toys: Toy) -> dict[str, bytes]:
    """Every byte of the store but the results, which can be made again."""
    root = toys.base / "store"
    return {
        str(p.relative_to(root)): p.read_bytes()
        for p in sorted(root.rglob("*"))
        if p.is_file() and "results" not in p.parts
    }


def test_an_answer_concludes_what_no_machine_could_see(answered: Toy) -> None:
    before = step(results(answered))
    assert (before["conclusion"], before["state"]) == ("not_assessed", "open")
    given = results(answered, "--answers", answered.base / "answers.yaml")
    after = step(given)
    assert (after["conclusion"], after["range"]) == ("conforming", ["conforming"])
    assert (after["state"], after["answer"]["state"]) == ("affirmed", "counts")
    assert (after["answer"]["by"], after["answer"]["valid_until"]) == ("张三", "2027-05-22")
    # It was given with the run: nobody has to name it again, and the same bytes come out.
    again = results(answered)
    assert again == given
    (index,) = (answered.base / "store").rglob("results/toy/index.json")
    kept = index.read_bytes()
    results(answered)
    assert index.read_bytes() == kept


def test_a_failed_check_beats_an_answer_and_the_contradiction_is_shown(toys: Toy) -> None:
    toys.colours("blue", "red")
    toys.run("--quiet")
    (toys.base / "note.txt").write_bytes(NOTE)
    got = step(results(toys, "--answers", write(toys)))
    assert (got["state"], got["answer"]["state"]) == ("denied", "contradicted")
    assert "CONTRADICTION at step 1: 张三" in got["why"]


def test_an_answer_that_expired_is_asked_again(answered: Toy) -> None:
    store = ("--store", answered.base / "store")
    results(answered, "--answers", answered.base / "answers.yaml")
    done = answered("questions", "toy", "latest", *store, "--format", "json")
    assert json.loads(done.out)["questions"] == []
    late = step(results(answered, "--as-of", "2027-06-01"))
    assert (late["state"], late["answer"]["state"]) == ("open", "expired")
    done = answered("questions", "toy", "latest", *store, "--format", "json")
    (asked,) = json.loads(done.out)["questions"]
    assert (asked["id"], asked["state"], asked["due"]) == (
        "toy/1.1/1@localhost", "expired", "2027-05-22",
    )  # fmt: skip
    one_line(answered("evaluate", "latest", *store, "--as-of", "2026-01-01"), 64)
    one_line(answered("evaluate", "latest", *store, "--as-of", "tomorrow"), 64)


def test_nothing_stored_is_lost_to_a_broken_file(answered: Toy) -> None:
    results(answered, "--answers", answered.base / "answers.yaml")
    kept = stored(answered)
    for more in ({"verdict": "yes"}, {"question": "toy/9/1"}, {"text": "*a"}, {"date": "soon"},
                 {"attachments": f"[{{file: note.txt, sha256: {'0' * 64}}}]"}):  # fmt: skip
        path = write(answered, **more)
        for command in (("evaluate",), ("pack", "-o", answered.base / "p.zip")):
            done = answered(*command, "latest", "--store", answered.base / "store", "--answers",
                            path)  # fmt: skip
            assert one_line(done, 65).startswith(f"dengbao: {path}:")
    assert stored(answered) == kept
    assert not (answered.base / "p.zip").exists()
    # A later set takes the place of the first, which is still there.
    results(answered, "--answers", write(answered, verdict="denied"))
    assert set(kept) < set(stored(answered))
    one_line(answered.run("--quiet", "--answers", answered.base / "gone.yaml"), 65)


def test_answers_are_packed_without_secrets_and_verified(answered: Toy) -> None:
    store = ("--store", answered.base / "store")
    pack = answered.base / "p.zip"
    done = answered("pack", "latest", *store, "-o", pack, "--answers",
                    answered.base / "answers.yaml")  # fmt: skip
    assert done.code == 0, done.stderr
    for subject in ((pack,), ("latest", *store)):
        verified = answered("verify", *subject)
        assert verified.code == 0, verified.stdout
        assert "1 answer of people and 1 attachment" in verified.stdout
    assert b"hunter2" not in b"".join(stored(answered).values())
    with zipfile.ZipFile(pack) as archive:
        assert b"hunter2" not in b"".join(map(archive.read, archive.namelist()))
        (name,) = (n for n in archive.namelist() if n.startswith("answers/") and "json" in n)
        raw = archive.read(name)
    held = msgspec.json.decode(raw, type=AnswerSet)
    assert held.files[0].sha256 == hashlib.sha256(
        (answered.base / "answers.yaml").read_bytes()
    ).hexdigest()  # fmt: skip
    for file, document in (("answer-set.json", json.loads(raw)),
                           ("answers-in-use.json", in_use(answered))):  # fmt: skip
        jsonschema.Draft202012Validator(json.loads(schemas.schemas()[file])).validate(document)
    for without in (name, name.replace(".json", ""), "attachments"):
        forged = answered.base / "forged.zip"
        with zipfile.ZipFile(pack) as old, zipfile.ZipFile(forged, "w") as new:
            for info in old.infolist():
                if without not in info.filename:
                    new.writestr(info, old.read(info))
        assert answered("verify", forged).code == 65, without


def in_use(toys: Toy) -> Any:
    (path,) = (toys.base / "store").rglob("in-use.json")
    return json.loads(path.read_bytes())


def test_what_was_altered_in_the_store_is_found(answered: Toy) -> None:
    store = answered.base / "store"
    results(answered, "--answers", answered.base / "answers.yaml")
    folder = next(store.rglob("in-use.json")).parent
    for path in (p for p in folder.rglob("*") if p.is_file() and p.name != "in-use.json"):
        kept = path.read_bytes()
        path.write_bytes(kept.replace(b"asked", b"ASKED").replace(b"affirmed", b"denied"))
        done = answered("verify", "latest", "--store", store)
        assert (done.code, path.name in done.stdout) == (65, True), done.stdout
        path.write_bytes(kept)
    assert answered("verify", "latest", "--store", store).code == 0
    shutil.rmtree(folder)
    assert answered("verify", "latest", "--store", store).code == 65


def test_answers_about_nothing_are_told(answered: Toy) -> None:
    for question, reported in (
        ("toy/1.1/1@localhots", "it is about no target of this run; did you mean 'localhost'?"),
        ("gbt22239-2019/8.1.7.1a/1", "the profile has no such clause"),
    ):
        done = answered("evaluate", "latest", "--store", answered.base / "store", "--answers",
                        write(answered, question=question))  # fmt: skip
        assert done.code == 0
        assert f"answers.yaml:2: {question} is not used: {reported}" in done.stderr
    risks = answered.base / "risks.yaml"
    risks.write_text("risks: []\n")
    words = ("evaluate", "latest", "--store", answered.base / "store", "--answers", risks)
    dropped = "1 answer given before (answers.yaml) no longer count"
    assert dropped not in answered(*words, "--answers-of", "latest").stderr
    assert dropped in answered(*words).stderr


def test_the_schema_of_the_file_is_that_of_its_reader(answered: Toy) -> None:
    schema = jsonschema.Draft202012Validator(json.loads(schemas.schemas()["answers.json"]))
    for more, fits in (({}, True), ({"verdict": "yes"}, False), ({"expiry": "x"}, False),
                       ({"by": ""}, False)):  # fmt: skip
        document = load_bytes(write(answered, **more).read_bytes(), "a.yaml")
        plain = json.loads(msgspec.json.encode(as_written(document.root)))
        assert schema.is_valid(plain) is fits, more
