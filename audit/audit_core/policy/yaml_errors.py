"""Error texts of libyaml and PyYAML as messages; unknown texts are quoted."""

from __future__ import annotations

from audit_core.model import Message, msg, verbatim

_KNOWN = (
    msg("block sequence entries are not allowed in this context"),
    msg("control characters are not allowed"),
    msg("could not find expected ':'"),
    msg("could not find expected directive name"),
    msg("did not find URI escaped octet"),
    msg("did not find expected '!'"),
    msg("did not find expected ',' or ']'"),
    msg("did not find expected ',' or '}'"),
    msg("did not find expected '-' indicator"),
    msg("did not find expected <document start>"),
    msg("did not find expected alphabetic or numeric character"),
    msg("did not find expected comment or line break"),
    msg("did not find expected digit or '.' character"),
    msg("did not find expected hexdecimal number"),
    msg("did not find expected key"),
    msg("did not find expected node content"),
    msg("did not find expected tag URI"),
    msg("did not find expected version number"),
    msg("did not find expected whitespace"),
    msg("did not find expected whitespace or line break"),
    msg("did not find the expected '>'"),
    msg("exceeded maximum nesting depth"),
    msg("found a tab character that violates indentation"),
    msg("found a tab character where an indentation space is expected"),
    msg("found an indentation indicator equal to 0"),
    msg("found character that cannot start any token"),
    msg("found duplicate %YAML directive"),
    msg("found extremely long version number"),
    msg("found incompatible YAML document"),
    msg("found invalid Unicode character escape code"),
    msg("found undefined tag handle"),
    msg("found unexpected ':'"),
    msg("found unexpected document indicator"),
    msg("found unexpected end of stream"),
    msg("found unexpected non-alphabetical character"),
    msg("found unknown directive name"),
    msg("found unknown escape character"),
    msg("mapping keys are not allowed in this context"),
    msg("mapping values are not allowed in this context"),
    msg("while scanning a quoted scalar"),
)
_PROBLEMS = {known.id: known for known in _KNOWN}


def yaml_problem(problem: str | None) -> Message:
    """The error text `problem` of a library, as a message."""
    if not problem:
        return msg("this cannot be read")
    return _PROBLEMS.get(problem) or msg("{words}", words=verbatim(problem))
