"""What people have to bring for a clause that no check settles, in both languages."""

from __future__ import annotations

from collections.abc import Iterable

from audit_core.model import Message, msg
from audit_core.model.results import Clause
from audit_core.model.units import Step
from audit_core.policy.model import Named

_METHODS = {
    "interview": ("interview", "访谈"),
    "examine": ("examination", "核查"),
    "test": ("testing", "测试"),
}
_OBJECTS = {
    "network_device": ("network devices", "网络设备"),
    "security_device": ("security devices", "安全设备"),
    "application": ("applications", "应用系统"),
    "management_platform": ("management platforms", "管理平台"),
    "server": ("servers", "服务器"),
    "database": ("databases", "数据库"),
    "terminal": ("terminals", "终端"),
    "authentication_data": ("authentication data", "鉴别数据"),
    "business_data": ("important business data", "重要业务数据"),
    "audit_data": ("important audit data", "重要审计数据"),
    "configuration_data": ("important configuration data", "重要配置数据"),
    "video_data": ("important video data", "重要视频数据"),
    "personal_information": ("important personal information", "重要个人信息"),
    "site": ("the site", "机房"),
    "network": ("the network", "网络"),
    "organisation": ("the organisation", "机构"),
}


def generated(clause: Clause) -> Message:
    """The request to people for `clause`: by which methods, of which objects, about what.

    It carries both languages; the translation of its id takes the Chinese ones.
    """
    methods = [_METHODS[m] for m in clause.methods] or [_METHODS["examine"]]
    objects = [_OBJECTS[o] for o in clause.applies_to]
    return msg(
        "To be settled by {methods} of {objects}: {gist}",
        methods=" / ".join(m[0] for m in methods),
        methods_zh="、".join(m[1] for m in methods),
        objects=", ".join(o[0] for o in objects),
        objects_zh=clause.objects.replace("/", "、") or "、".join(o[1] for o in objects),
        gist=clause.gist_en or clause.gist,
        gist_zh=clause.gist,
    )


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
