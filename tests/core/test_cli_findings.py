"""`results` and `plan` show each thing once; `runs list` tells how far each run came."""

from __future__ import annotations

import zipfile

from rich.cells import cell_len

from audit_core.cli.output import wrapped
from core.command import Toy, one_line


def test_what_is_printed_fits_the_width(toys: Toy) -> None:
    toys.colours("red", "red")
    toys.run().ended(0)
    store = ("--store", toys.base / "store")
    commands = (("results", "latest", *store), ("results", "latest", *store, "--verbose"),
                ("plan", "toy"), ("runs", "list", *store), ("doctor",))  # fmt: skip
    for words in commands:
        for lang in ("en", "zh"):
            shown = toys(*words, "--lang", lang, COLUMNS="40").stdout.splitlines()
            wide = [line for line in shown if cell_len(line.rstrip()) > 40]
            # a word without a blank and a command to copy stay whole
            assert not [x for x in wide if " " in x.strip() and "dengbao " not in x], (words, lang)
    assert wrapped("符合率：0.0–100.0；已有结论：0/211。", 20) == [
        "符合率：0.0–100.0；",
        "  已有结论：0/211。",
    ]


def test_results_show_each_problem_once_and_what_the_filters_leave(toys: Toy) -> None:
    toys.colours("red", "red")
    inventory = toys.base / "inventory.yaml"
    hosts = "".join(f"  - {{id: h{n}, access: {{via: local}}}}\n" for n in range(8))
    inventory.write_text(f"targets:\n{hosts}")
    toys.run("-i", inventory).ended(0)

    def shown(*words: str, width: str = "200") -> str:
        done = toys("results", "latest", "--store", toys.base / "store", *words, COLUMNS=width)
        return done.ended(0).stdout

    whole = shown()
    assert whole.count("toy.blue:") == 1
    assert "h0, h1, h2, h3, h4, … 8 in all" in whole
    assert "toy.second:" not in shown("--severity", "high")
    assert "toy.blue:" not in shown("--verdict", "pass")
    few = shown("--target", "h7", width="0")
    assert "h7" in few
    assert "toy.blue:" in few  # no table is printed in a width of 0
    assert "layer" not in few  # nothing about what was not asked for
    assert "in all" not in shown("--target", "h7").split("toy.blue")[1].split("\n")[0]
    assert "toy.blue" not in shown("--status", "not_reached")
    clause = shown("--clause", "1.0")
    assert "Conclusions: 8" in clause
    assert "toy.second:" not in clause
    store = ("--store", toys.base / "store")
    line = one_line(toys("results", "latest", *store, "--target", "h77"), 64)
    assert "did you mean 'h7'?" in line
    view = toys("results", "latest", *store, "--target", "h7", "--format", "json").ended(0).json
    assert {f["target"] for f in view["findings"]} == {"h7"}
    assert {c["target"] for c in view["conclusions"]} == {"h7"}
    assert len(view["targets"]) == 8


def test_a_finding_in_full_leads_to_facts_answers_and_code(toys: Toy) -> None:
    toys.colours("red", "red")
    toys.run().ended(0)

    def shown(*words: str) -> str:
        store = ("--store", toys.base / "store")
        return toys("results", "latest", *store, "--verbose", *words).ended(0).stdout

    whole = shown("--check", "toy.blue")
    assert "Findings: 1" in whole
    assert "toy.second" not in whole
    lines = [line.strip() for line in whole.split("\n")]
    assert any(line.startswith("code: ") and ".py:" in line for line in lines)
    assert any(line.startswith("fact toy.") and line.endswith(": known") for line in lines)
    folder = next(line for line in lines if line.startswith("evidence: evidence/00"))
    assert "stdout | red" in lines
    pack = toys.base / "p.zip"
    toys("pack", "latest", "--store", toys.base / "store", "-o", pack).ended(0)
    with zipfile.ZipFile(pack) as opened:
        assert f"{folder.removeprefix('evidence: ')}/stdout.txt" in opened.namelist()


def test_runs_are_listed_with_how_far_they_came(toys: Toy) -> None:
    toys.colours("blue", "red")
    toys.run().ended(0)
    toys("collect", "toy", "--store", toys.base / "store").ended(0)
    listed = toys("runs", "list", "--store", toys.base / "store", "--format", "json").ended(0).json
    assert [r["status"] for r in listed] == ["not_evaluated", "complete"]
    assert [r["targets"] for r in listed] == [None, 1]
    (toys.base / "store" / "runs" / listed[0]["id"] / "seal.json").unlink()
    listed = toys("runs", "list", "--store", toys.base / "store", "--format", "json").ended(0).json
    assert listed[0]["status"] == "cut_off"
    assert "采集中断" in toys("runs", "list", "--store", toys.base / "store", "--lang", "zh").stdout


def test_a_plan_shows_each_request_once_with_its_checks(toys: Toy) -> None:
    inventory = toys.base / "inventory.yaml"
    inventory.write_text(
        "targets:\n  - {id: a, access: {via: local}}\n  - {id: b, access: {via: local}}\n"
    )
    shown = toys("plan", "toy", "-i", inventory, COLUMNS="300").ended(0).stdout
    (row,) = [line for line in shown.split("\n") if "toy.blue" in line]
    assert row.rstrip().endswith("2")
    assert str(toys.base) in row  # the end of the path is cut where it is long
    every = toys("plan", "toy", "-i", inventory, "--verbose", COLUMNS="300").ended(0).stdout
    assert every.count("/colour") == 2


def test_each_worst_problem_once_in_the_colour_of_its_severity(toys: Toy) -> None:
    toys.colours("red", "red")
    inventory = toys.base / "i.yaml"
    inventory.write_text(
        "targets:\n" + "".join(f"  - {{id: h{n}, access: {{via: local}}}}\n" for n in range(5))
    )
    done = toys.run("-i", inventory, "--color", "always").ended(0)
    assert "Worst problems (2 of 2; failed findings: 10)" in done.stdout
    assert "h0, h1, h2, … 5 in all" in done.stdout
    assert "\x1b[1;31mhigh" in done.stdout
    for words, env in ((("--color", "never"), {}), ((), {}), ((), {"NO_COLOR": "1"})):
        shown = toys("results", "latest", "--store", toys.base / "store", *words, **env)
        assert b"\x1b" not in shown.ended(0).out
    assert "\x1b[1;31mhigh" in toys(
        "results", "latest", "--store", toys.base / "store", "--color", "always"
    ).stdout  # fmt: skip


def test_quiet_prints_nothing_where_all_is_well(toys: Toy) -> None:
    toys.colours("blue", "red")
    pack = toys.base / "p.zip"
    done = toys.run("--quiet", "-o", pack, "--fail-on", "high").ended(0)
    assert done.out == done.err == b""
    assert pack.is_file()
    assert toys.run("--quiet", "--format", "json").ended(0).json["findings"]
    failed = toys.run("--quiet", "--fail-on", "low").ended(1)
    assert "toy.second" in failed.stdout


def test_check_show_says_in_words_how_a_parameter_may_change(toys: Toy) -> None:
    shown = toys("check", "show", "linux.password-age").ended(0).stdout
    assert "stricter: lower; raising it needs a reason and an approver" in shown
    assert "(down)" not in shown
