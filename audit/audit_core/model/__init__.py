"""The values of dengbao, all frozen. Nothing here touches a clock, a socket or a file.

May import nothing of the product but itself.
"""

from audit_core.model.checks import Check, Finding, Judgement, Parameter, Severity, Verdict
from audit_core.model.conclusions import Conclusion, Coverage, Result
from audit_core.model.facts import (
    Absent,
    Ask,
    Builtin,
    Fact,
    Known,
    Need,
    Optional_,
    ParseError,
    Parser,
    Platform,
    Provider,
)
from audit_core.model.messages import Message, Scalar, Value, msg
from audit_core.model.observations import Answer, Observation, Status, observation_digest
from audit_core.model.requests import (
    Command,
    Privilege,
    Probe,
    ReadFile,
    Reason,
    Request,
    merged,
)
from audit_core.model.targets import Kind, ObjectType, Target

__all__ = [
    "Absent",
    "Answer",
    "Ask",
    "Builtin",
    "Check",
    "Command",
    "Conclusion",
    "Coverage",
    "Fact",
    "Finding",
    "Judgement",
    "Kind",
    "Known",
    "Message",
    "Need",
    "ObjectType",
    "Observation",
    "Optional_",
    "Parameter",
    "ParseError",
    "Parser",
    "Platform",
    "Privilege",
    "Probe",
    "Provider",
    "ReadFile",
    "Reason",
    "Request",
    "Result",
    "Scalar",
    "Severity",
    "Status",
    "Target",
    "Value",
    "Verdict",
    "merged",
    "msg",
    "observation_digest",
]
