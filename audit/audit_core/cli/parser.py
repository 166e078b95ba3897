"""The command line and its help, in English and Chinese."""

from __future__ import annotations

import argparse
import datetime
import re
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from audit_core import __version__
from audit_core.model import Message, Severity, Verdict, msg
from audit_core.model.results import TargetState
from audit_core.text.translate import LANGUAGES, Translator, default_language

PROFILE_TEST_FAILED = 1
"""The exit code where a run does not say what a profile test expects."""
LINT_FOUND = 1
"""The exit code where the records of a run have problems."""
NOT_IN_FULL = 4
"""The exit code where not every target was reached and answered."""

_RUN = msg("id of a run, a unique prefix, or latest")
EXIT_CODES = (
    (0, msg("carried out in full, whatever the results")),
    (1, msg("what --fail-on asks for holds, a profile test is not met, or lint found something")),
    (
        NOT_IN_FULL,
        msg("not carried out in full: some target was not reached or did not answer everything"),
    ),
    (64, msg("wrong usage of the command")),
    (65, msg("an input file is invalid")),
    (69, msg("a required tool is missing")),
    (70, msg("an internal error of dengbao")),
    (74, msg("cannot read or write")),
    (78, msg("invalid configuration")),
    (130, msg("interrupted")),
)  # fmt: skip
# The texts that argparse translates through `argparse._`.
_ARGPARSE = (
    msg("usage: "), msg("options"), msg("positional arguments"),
    msg("show this help message and exit"), msg("unrecognized arguments: %s"),
    msg("the following arguments are required: %s"), msg("expected one argument"),
    msg("expected at most one argument"), msg("expected at least one argument"),
    msg("argument %(argument_name)s: %(message)s"), msg("ignored explicit argument %r"),
    msg("invalid choice: %(value)r (choose from %(choices)s)"),
    msg("invalid %(type)s value: %(value)r"), msg("not allowed with argument %s"),
    msg("unknown parser %(parser_name)r (choices: %(choices)s)"),
    msg("ambiguous option: %(option)s could match %(matches)s"),
)  # fmt: skip
_MOST_AT_ONCE = 256
_FINGERPRINT = re.compile(r"(?:sha256:)?[0-9a-f]{64}", re.ASCII | re.IGNORECASE)


def language(words: list[str]) -> str:
    """The language that `--lang` asks for, else that of the locale."""
    asked = default_language()
    for index, word in enumerate(words):
        given = word.partition("=")[2] if word.startswith("--lang=") else ""
        if word == "--lang" and index + 1 < len(words):
            given = words[index + 1]
        if given in LANGUAGES:
            asked = given  # given twice, the last one holds, as for every option
    return asked


class _Parser(argparse.ArgumentParser):
    """Ends with 64 on wrong use."""

    def error(self, message: str) -> NoReturn:
        from audit_core.cli.output import complain

        complain(f"{message} ({self.prog} --help)")
        self.exit(64)


def _count(most: int, t: Translator) -> Callable[[str], int]:
    """Reads a whole number from 1 to `most`."""

    def read(word: str) -> int:
        if not re.fullmatch(r"[1-9][0-9]{0,8}", word) or int(word) > most:
            detail = msg("a whole number from 1 to {most} is needed, not {word}",
                       most=most, word=repr(word))  # fmt: skip
            raise argparse.ArgumentTypeError(t.say(detail))
        return int(word)

    return read


def _day(t: Translator) -> Callable[[str], datetime.date]:
    """Reads a day."""

    def read(word: str) -> datetime.date:
        try:
            day = datetime.date.fromisoformat(word)
        except ValueError:
            day = None
        if day is None or day.isoformat() != word:
            detail = msg("a day like 2026-11-29 is needed, not {word}", word=repr(word[:80]))
            raise argparse.ArgumentTypeError(t.say(detail))
        return day

    return read


def _fingerprint(t: Translator) -> Callable[[str], str]:
    """Reads the SHA-256 of a public key."""

    def read(word: str) -> str:
        if not _FINGERPRINT.fullmatch(word):
            detail = msg(
                "a fingerprint has 64 hexadecimal digits, not {word}", word=repr(word[:80])
            )
            raise argparse.ArgumentTypeError(t.say(detail))
        return word

    return read


def parse(words: list[str], lang: str) -> argparse.Namespace:
    """The parsed arguments; raises SystemExit after help or an error."""
    return _build(Translator(lang)).parse_args(words)


def _build(t: Translator) -> _Parser:
    argparse._ = t.text  # type: ignore[attr-defined]  # its own words: usage, options, errors
    codes = "\n".join(f"  {code:>3}  {t.say(detail)}" for code, detail in EXIT_CODES)
    parser = _Parser(
        prog="dengbao",
        description=t.text("Audits live systems against 等保 and writes the evidence pack."),
        epilog=f"{t.text('exit codes:')}\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", "-V", action="version", version=f"dengbao {__version__}",
                        help=t.text("print the version"))  # fmt: skip
    parser.add_argument("--lang", choices=LANGUAGES, help=t.text("language of all output"))
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _Commands(commands, t).add_all()
    return parser


class _Commands:
    def __init__(self, commands: argparse._SubParsersAction[_Parser], t: Translator) -> None:
        self._commands = commands
        self._t = t

    def add_all(self) -> None:
        self._init()
        self._run()
        self._plan()
        self._questions()
        self._attest()
        self._import()
        self._collect()
        self._stored()
        self._explain()
        self._lint()
        self._schema()
        self._lists()

    def _command(self, name: str, help: Message) -> _Parser:
        text = self._t.say(help)
        made = self._commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        made.add_argument("--lang", choices=LANGUAGES, default=argparse.SUPPRESS,
                          help=self._t.text("language of all output"))  # fmt: skip
        return made

    def _option(self, parser: argparse.ArgumentParser, *names: str, help: Message, **more: object):  # type: ignore[no-untyped-def]
        return parser.add_argument(*names, help=self._t.say(help), **more)  # type: ignore[arg-type]

    def _color(self, parser: argparse.ArgumentParser) -> None:
        self._option(parser, "--color", choices=("auto", "always", "never"), default="auto",
                     help=msg("colours by severity (default: on a terminal, without "
                              "NO_COLOR)"))  # fmt: skip

    def _store(self, parser: argparse.ArgumentParser) -> None:
        text = msg(
            "directory of the runs (default: $DENGBAO_STORE, else the user's state directory)"
        )
        self._option(parser, "--store", type=Path, metavar="DIR", help=text)

    def _format(self, parser: argparse.ArgumentParser) -> None:
        self._option(parser, "--format", choices=("table", "json"), default="table",
                     help=msg("output format (default: table)"))  # fmt: skip

    def _scope(self, parser: argparse.ArgumentParser, *, profile: str | None = None) -> None:
        self._option(parser, "profile", nargs=profile, metavar="PROFILE",
                     help=msg("id of a profile, or the path of one (.yaml)"))  # fmt: skip
        self._option(parser, "-i", "--inventory", type=Path, metavar="FILE",
                     help=msg("inventory of targets (default: this machine)"))  # fmt: skip
        self._targets(parser)

    def _targets(self, parser: argparse.ArgumentParser) -> None:
        self._option(parser, "-t", "--target", action="append", default=[], metavar="TARGET",
                     help=msg("only this target and its parts, or the one it is part of (may be "
                          "repeated)"))  # fmt: skip

    def _collecting(self, parser: argparse.ArgumentParser) -> None:
        self._scope(parser, profile="?")
        self._store(parser)
        self._option(parser, "--resume", action="store_true",
                     help=msg("continue the newest interrupted run"))  # fmt: skip
        self._option(
            parser,
            "--at-once",
            type=_count(_MOST_AT_ONCE, self._t),
            default=16,
            metavar="N",
            help=msg("maximum number of hosts asked at once (default: 16)"),
        )
        self._option(parser, "--partial", action="store_true",
                     help=msg("continue without the targets for which a key, a secret, a tool or "
                              "a host key is missing"))  # fmt: skip
        self._option(parser, "--quiet", action="store_true",
                     help=msg("no progress display, and no output where all is well"))  # fmt: skip

    def _answers(
        self, parser: argparse.ArgumentParser, *, as_of: bool = True, waivers: bool = True
    ) -> None:
        self._option(parser, "--answers", action="append", default=[], type=Path, metavar="FILE",
                     help=msg("answers of people, YAML; they take the place of those given before "
                              "(may be repeated)"))  # fmt: skip
        if waivers:
            self._option(parser, "--answers-of", metavar="RUN",
                         help=msg("take over what was answered for an earlier run, its waivers "
                                  "too; --answers adds to it"))  # fmt: skip
            self._option(parser, "--waivers", action="append", default=[], type=Path,
                         metavar="FILE",
                         help=msg("accepted deviations, YAML; they change no verdict, and take the "
                                  "place of those given before (may be repeated)"))  # fmt: skip
        if as_of:
            self._option(parser, "--as-of", type=_day(self._t), metavar="DAY",
                         help=msg("judge answers on this day (default: that of the "
                                  "collection)"))  # fmt: skip

    def _init(self) -> None:
        made = self._command(
            "init", msg("write an inventory, registers and answers with examples to begin with")
        )
        self._option(made, "profile", metavar="PROFILE", help=msg("id of a profile"))
        self._option(made, "folder", nargs="?", type=Path, metavar="DIR",
                     help=msg("where to write them (default: a directory named as the "
                              "profile)"))  # fmt: skip

    def _run(self) -> None:
        run = self._command("run", msg("collect, evaluate and pack"))
        self._collecting(run)
        self._option(run, "-o", "--output", type=Path, metavar="PACK",
                     help=msg("where to write the evidence pack (.zip)"))  # fmt: skip
        self._key(run)
        self._answers(run, as_of=False)
        self._fail_on(run)
        self._color(run)
        self._format(run)

    def _key(self, parser: argparse.ArgumentParser) -> None:
        self._option(parser, "--key", type=Path, metavar="FILE",
                     help=msg("signing key, PEM (default: one made in the store)"))  # fmt: skip

    def _fail_on(self, parser: argparse.ArgumentParser) -> None:
        self._option(parser, "--fail-on", action="append", default=[], metavar="WHAT",
                     help=msg("end with 1 where something fails: of this severity or worse (high, "
                          "medium, low), on this clause, new (not in the run before) or "
                          "undetermined; may be repeated"))  # fmt: skip

    def _plan(self) -> None:
        plan = self._command("plan", msg("print what would be asked, before anything is asked"))
        self._scope(plan)
        self._option(plan, "--verbose", action="store_true",
                     help=msg("print every request on every target"))  # fmt: skip
        self._option(plan, "--grants", "--sudoers", nargs="?", const="dengbao", metavar="USER",
                     help=msg("print the least privileges that USER needs on the targets "
                              "(default: dengbao)"))  # fmt: skip
        self._format(plan)

    def _questions(self) -> None:
        made = self._command(
            "questions", msg("list what people have to answer, each question once")
        )
        self._scope(made)
        self._option(made, "run", nargs="?", metavar="RUN",
                     help=msg("only what this run left open: id of a run, a unique prefix, or "
                              "latest"))  # fmt: skip
        self._store(made)
        self._answers(made, waivers=False)
        self._format(made)

    def _attest(self) -> None:
        made = self._command(
            "attest", msg("ask the open questions in the terminal and write a file of answers")
        )
        self._scope(made)
        self._option(made, "run", nargs="?", metavar="RUN",
                     help=msg("only what this run left open: id of a run, a unique prefix, or "
                              "latest"))  # fmt: skip
        self._store(made)
        self._option(made, "--to", type=Path, required=True, metavar="FILE",
                     help=msg("file of answers, YAML; an existing one is continued"))  # fmt: skip
        self._option(made, "--by", required=True, metavar="NAME", help=msg("who answers"))
        risks = msg("ask only for the high-risk rules that are to be judged")
        self._option(made, "--risks", action="store_true", help=risks)

    def _import(self) -> None:
        made = self._command(
            "import", msg("show what people filled in in a document of a pack, and store it")
        )
        self._option(made, "document", type=Path, metavar="DOCUMENT",
                     help=msg("the document, such as the workbook.xlsx of a pack"))  # fmt: skip
        run = msg("the run that it must be of: id, a unique prefix, or latest")
        self._option(made, "--run", metavar="RUN", help=run)
        self._option(made, "--by", required=True, metavar="NAME",
                     help=msg("who takes it over; answers without an author are of this "
                              "person"))  # fmt: skip
        self._option(made, "--yes", action="store_true",
                     help=msg("store it; without this, only the difference is shown"))  # fmt: skip
        self._store(made)

    def _collect(self) -> None:
        self._collecting(self._command("collect", msg("ask the targets and store their answers")))

    def _one_run(
        self, name: str, help: Message, which: Message = _RUN, metavar: str = "RUN"
    ) -> _Parser:
        made = self._command(name, help)
        self._option(made, "run", metavar=metavar, help=which)
        self._store(made)
        return made

    def _stored(self) -> None:
        text = msg("evaluate with this profile (default: that of the run)")
        evaluate = self._one_run("evaluate", msg("evaluate what a run collected"))
        self._option(evaluate, "--profile", metavar="P", help=text)
        self._answers(evaluate)
        self._fail_on(evaluate)
        self._color(evaluate)
        self._format(evaluate)
        results = self._one_run("results", msg("print the findings of a run, each problem once"))
        self._option(results, "--profile", metavar="P", help=text)
        self._filters(results)
        self._option(results, "-v", "--verbose", action="store_true",
                     help=msg("each finding alone, with its facts, the requests, the answers as "
                              "stored, and the line of code that decided"))  # fmt: skip
        self._fail_on(results)
        self._color(results)
        self._format(results)
        pack = self._one_run("pack", msg("write the evidence pack of a run"))
        self._option(pack, "--profile", metavar="P", help=text)
        self._answers(pack)
        self._option(pack, "-o", "--output", type=Path, required=True, metavar="FILE",
                     help=msg("where to write the evidence pack (.zip)"))  # fmt: skip
        self._option(pack, "--template", type=Path, metavar="FILE",
                     help=msg("also fill this document of your own organisation"))  # fmt: skip
        self._option(pack, "--map", type=Path, metavar="FILE",
                     help=msg("what goes where in the template (YAML)"))  # fmt: skip
        self._key(pack)
        verify = self._one_run(
            "verify",
            msg("check a pack or a run against its digests and signature"),
            msg("path of a pack (.zip), or id of a run, a unique prefix, or latest"),
            metavar="PACK|RUN",
        )
        self._option(verify, "--key", type=Path, metavar="PUB",
                     help=msg("public key that must have signed, PEM"))  # fmt: skip
        self._option(verify, "--fingerprint", type=_fingerprint(self._t), metavar="SHA256",
                     help=msg("fingerprint of the public key that must have signed"))  # fmt: skip
        self._format(verify)

    def _filters(self, results: argparse.ArgumentParser) -> None:
        several = msg("(may be repeated)")
        for names, metavar, help in (
            (("-t", "--target"), "TARGET", msg("only findings on this target")),
            (("--check",), "CHECK", msg("only findings of this check")),
            (("--clause",), "CLAUSE", msg("only conclusions and findings on this clause")),
        ):
            text = f"{self._t.say(help)} {self._t.say(several)}"
            results.add_argument(*names, action="append", default=[], metavar=metavar, help=text)
        for name, choices, help in (
            ("--severity", Severity, msg("only findings of this severity")),
            ("--verdict", Verdict, msg("only findings with this verdict")),
            ("--status", TargetState, msg("only findings on targets with this status")),
        ):
            text = f"{self._t.say(help)} {self._t.say(several)}"
            results.add_argument(name, action="append", default=[],
                                 choices=[c.value for c in choices], help=text)  # fmt: skip

    def _lists(self) -> None:
        for noun, verbs, text in (
            (
                "catalog",
                ("list", "show", "crosswalk"),
                msg("list catalogs (standards), show one, or what two have in common"),
            ),
            (
                "profile",
                ("list", "show", "lint", "diff", "test"),
                msg("list, show, check, compare or test profiles (clauses and their checks)"),
            ),
            ("check", ("list", "show"), msg("list checks or show one")),
            ("plugin", ("list",), msg("list installed plugins")),
            ("runs", ("list",), msg("list stored runs")),
        ):
            made = self._command(noun, text)
            verbs_of = made.add_subparsers(dest="verb", metavar="|".join(verbs), required=True)
            for verb in verbs:
                made = self._verb(verbs_of.add_parser(verb, allow_abbrev=False), verb)
                if noun == "runs" or verb == "test":
                    self._store(made)
                self._more(noun, verb, made)
        self._inventory()
        doctor = self._command(
            "doctor", msg("show what is installed, what is missing and what targets allow")
        )
        self._option(doctor, "-i", "--inventory", type=Path, metavar="FILE",
                     help=msg("inventory of targets (default: this machine)"))  # fmt: skip
        self._format(doctor)
        keys = self._command(
            "hostkeys", msg("show unknown host keys for review, and write them once confirmed")
        )
        self._option(keys, "-i", "--inventory", type=Path, metavar="FILE", required=True,
                     help=msg("inventory of targets"))  # fmt: skip
        self._targets(keys)
        self._option(keys, "--yes", action="store_true",
                     help=msg("write unknown keys without asking, for scripts; fingerprints "
                          "are printed, and a changed key is never accepted"))  # fmt: skip
        self._format(keys)

    def _more(self, noun: str, verb: str, made: argparse.ArgumentParser) -> None:
        """The options of one verb of a noun that the others do not have."""
        if verb in ("crosswalk", "diff"):
            self._option(made, "other", metavar="OTHER",
                         help=msg("id of the entry to compare with"))  # fmt: skip
        if (noun, verb) == ("profile", "show"):
            self._option(made, "--resolved", action="store_true",
                         help=msg("every parameter of its checks, with the value that holds and "
                                  "who set it"))  # fmt: skip
        if (noun, verb) == ("catalog", "show"):
            self._option(made, "--level", metavar="N", help=msg("only clauses of this level"))
            self._option(made, "--layer", metavar="ID", help=msg("only clauses of this layer"))

    def _schema(self) -> None:
        made = self._command(
            "schema", msg("write JSON Schemas of the YAML files, with which editors check them")
        )
        self._option(made, "folder", nargs="?", type=Path, metavar="DIR",
                     help=msg("where to write them (default: .dengbao/schemas here, where "
                              "generated files look for them)"))  # fmt: skip

    def _lint(self) -> None:
        made = self._one_run(
            "lint", msg("list what a reviewer would reject in the records of a run")
        )
        self._option(made, "--profile", metavar="P",
                     help=msg("evaluate with this profile (default: that of the run)"))  # fmt: skip
        self._option(made, "--names", type=Path, metavar="FILE",
                     help=msg("names of other clients, one a line, that must not stand in a "
                              "record"))  # fmt: skip
        self._option(made, "--as-of", type=_day(self._t), metavar="DAY",
                     help=msg("judge the age of evidence on this day (default: "
                              "today)"))  # fmt: skip
        self._format(made)

    def _explain(self) -> None:
        made = self._command(
            "explain",
            msg("show a clause from its steps to findings and evidence, with what is "
                "open"),
        )  # fmt: skip
        self._option(made, "clause", metavar="CLAUSE",
                     help=msg("id of a clause, or CATALOG/CLAUSE"))  # fmt: skip
        self._option(made, "run", nargs="?", metavar="RUN",
                     help=msg("what this run says of it: id of a run, a unique prefix, or latest "
                              "(default with --target: latest)"))  # fmt: skip
        self._store(made)
        self._option(made, "--profile", metavar="P",
                     help=msg("evaluate with this profile (default: that of the run)"))  # fmt: skip
        self._option(made, "-t", "--target", action="append", default=[], metavar="TARGET",
                     help=msg("only the object that this target is or is part of (may be "
                              "repeated)"))  # fmt: skip
        self._format(made)

    def _inventory(self) -> None:
        made = self._command(
            "inventory", msg("check an inventory, or list parts that a run suggests")
        )
        verbs = made.add_subparsers(dest="verb", metavar="check|suggest", required=True)
        check = self._verb_of(verbs, "check", msg("read an inventory and list its targets"))
        self._option(
            check, "inventory", type=Path, metavar="FILE", help=msg("inventory of targets")
        )
        self._format(check)
        suggest = self._verb_of(
            verbs,
            "suggest",
            msg("list parts that the facts of a run suggest; nothing is contacted"),
        )
        self._option(
            suggest, "run", metavar="RUN", help=msg("id of a run, a unique prefix, or latest")
        )
        self._option(
            suggest,
            "-i",
            "--inventory",
            type=Path,
            metavar="FILE",
            help=msg("inventory to add the parts to (default: that of the run)"),
        )
        self._option(suggest, "-o", "--output", type=Path, metavar="FILE",
                     help=msg("write the inventory with these parts to a new file"))  # fmt: skip
        self._store(suggest)
        self._format(suggest)

    def _verb_of(
        self, verbs: argparse._SubParsersAction[_Parser], name: str, help: Message
    ) -> _Parser:
        text = self._t.say(help)
        made = verbs.add_parser(name, help=text, description=text, allow_abbrev=False)
        made.add_argument("--lang", choices=LANGUAGES, default=argparse.SUPPRESS,
                          help=self._t.text("language of all output"))  # fmt: skip
        return made

    def _verb(self, parser: _Parser, verb: str) -> _Parser:
        parser.add_argument("--lang", choices=LANGUAGES, default=argparse.SUPPRESS,
                            help=self._t.text("language of all output"))  # fmt: skip
        if verb == "test":
            self._option(parser, "name", metavar="FILE",
                         help=msg("file of expectations of recorded runs (.yaml)"))  # fmt: skip
        elif verb != "list":
            many = "?" if verb == "lint" else None
            self._option(
                parser, "name", metavar="ID", nargs=many, help=msg("id of the entry to show")
            )
        self._format(parser)
        return parser
