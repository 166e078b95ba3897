"""The step of a clause whose assessment steps are not known, in both languages."""

from __future__ import annotations

from collections.abc import Iterable

from audit_core.model.names import Named
from audit_core.model.results import Clause
from audit_core.model.units import Step

_METHODS = {
    "interview": ("interview", "访谈"),
    "examine": ("examination", "核查"),
    "test": ("testing", "测试"),
}


def stand_in(clause: Clause, object_types: Iterable[Named]) -> Step:
    """The one step of `clause`: what its gist demands, to be looked at on its objects."""
    methods = [_METHODS[m] for m in clause.methods] or [_METHODS["examine"]]
    names = {t.id: t for t in object_types}
    objects = [names[id] for id in clause.applies_to if id in names]
    en = ", ".join(t.en for t in objects) or "the object"
    zh = clause.objects.replace("/", "、") or "、".join(t.zh for t in objects) or "测评对象"
    return Step(
        methods=clause.methods,
        question=f"是否满足：{clause.gist}",
        question_en=f"Does it hold: {clause.gist_en or clause.gist}",
        bring=f"{zh}的{'、'.join(m[1] for m in methods)}记录",
        bring_en=f"A record of {' / '.join(m[0] for m in methods)} of: {en}",
        affirmed_if=clause.gist,
        affirmed_if_en=clause.gist_en or clause.gist,
    )
