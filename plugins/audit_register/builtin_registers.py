"""The registers that come with dengbao: names, columns and heads in both languages.

People are named by their number in the register of staff, never by name: names are masked before
anything is stored.
"""

from __future__ import annotations

from audit_register.columns import Column, Holds, Mask, Register


def _column(id: str, zh: str, en: str, holds: Holds = Holds.TEXT, **more: object) -> Column:
    return Column(id=id, zh=zh, en=en, holds=holds, **more)  # type: ignore[arg-type]


def _may(id: str, zh: str, en: str, holds: Holds = Holds.TEXT, **more: object) -> Column:
    """A column that may be empty."""
    return _column(id, zh, en, holds, filled=False, **more)


def _one_of(id: str, zh: str, en: str, **choices: str) -> Column:
    return _column(id, zh, en, choices=tuple(choices.items()))


_DATE, _TIME, _NUMBER, _PERCENT, _YES_NO, _LIST = (
    Holds.DATE, Holds.TIME, Holds.NUMBER, Holds.PERCENT, Holds.YES_NO, Holds.LIST,
)  # fmt: skip
_OWNER = _column("owner", "责任人工号", "Owner (staff number)")

STAFF = Register(
    id="staff", zh="员工与离职台账", en="Staff and leavers", key=("staff_no",),
    columns=(
        _column("staff_no", "工号", "Staff number"),
        _column("name", "姓名", "Name", mask=Mask.NAME, needed=False, filled=False),
        _column("department", "部门", "Department"),
        _column("post", "岗位", "Post"),
        _may("accounts", "系统账户", "Accounts", _LIST),
        _may("administers", "管理范围", "Administers", _LIST, needed=False),
        _may("left", "离职日期", "Left on", _DATE),
        _may("signed", "保密协议签署日期", "Confidentiality signed on", _DATE),
        _may("trained", "最近培训日期", "Last trained on", _DATE),
    ),
)  # fmt: skip
DATA = Register(
    id="data", zh="数据资产与分类分级台账", en="Data owners and classification", key=("data",),
    columns=(
        _column("data", "数据集", "Data set"),
        _column("system", "所属系统", "System"),
        _one_of("level", "级别", "Class", c1="C1", c2="C2", c3="C3", other="其他"),
        _OWNER,
        _column("metadata", "已纳入元数据管理", "In the metadata system", _YES_NO),
        _column("retention_days", "保存期限（天）", "Kept for (days)", _NUMBER),
        _may("purged", "最近清除日期", "Last purged on", _DATE),
    ),
)  # fmt: skip
INTERFACES = Register(
    id="interfaces", zh="接口登记册", en="Interfaces", key=("interface",),
    columns=(
        _column("interface", "接口", "Interface"),
        _column("system", "所属系统", "System"),
        _may("entry", "入口（资产清单中的端点）", "Entry (endpoint of the inventory)"),
        _may("partner", "合作方", "Partner"),
        _one_of("authentication", "认证方式", "Authentication", none="无", token="令牌",  # noqa: S106
                mutual_tls="双向TLS", signature="签名", login="登录"),
        _column("encrypted", "加密传输", "Encrypted", _YES_NO),
        _column("monitored", "已监控", "Monitored", _YES_NO),
        _column("limited", "已限流", "Rate limit", _YES_NO),
        _may("availability", "近30天可用率（%）", "Availability of 30 days (%)", _PERCENT),
        _OWNER,
    ),
)  # fmt: skip
PARTNERS = Register(
    id="partners", zh="外部数据合作台账", en="External data agreements", key=("partner",),
    columns=(
        _column("partner", "合作方", "Partner"),
        _may("confidentiality_until", "保密协议有效期至", "Confidentiality valid until", _DATE),
        _may("security_until", "安全协议有效期至", "Security agreement valid until", _DATE),
        _may("fields", "约定字段", "Agreed fields"),
        _column("liability", "已约定责任", "Liability agreed", _YES_NO),
        _may("assessed", "影响评估日期", "Impact assessed on", _DATE),
    ),
)  # fmt: skip
PRODUCTS = Register(
    id="products", zh="安全产品台账", en="Security products", key=("product",),
    columns=(
        _column("product", "产品", "Product"),
        _one_of("category", "类别", "Category", firewall="防火墙", ips="入侵防御", waf="WAF",
                traffic_analysis="流量检测", host_antivirus="主机防病毒", hids="主机入侵检测",
                terminal_antivirus="终端防病毒", admission="终端准入",
                terminal_management="终端管理", anti_fraud="反欺诈", other="其他"),
        _may("zone", "部署区域", "Zone"),
        _one_of("mode", "模式", "Mode", block="阻断", alert="告警", none="不适用"),
        _may("signatures", "特征库日期", "Signatures of", _DATE),
        _may("licence_until", "授权有效期至", "Licence valid until", _DATE),
        _may("last_event", "最近事件日期", "Last event on", _DATE),
        _may("covered", "已覆盖数量", "Covered", _NUMBER),
        _may("total", "应覆盖数量", "To be covered", _NUMBER),
    ),
)  # fmt: skip
DUTY = Register(
    id="duty", zh="值班表", en="Duty roster", key=("start", "staff_no"),
    columns=(
        _column("start", "开始时间", "From", _TIME),
        _column("end", "结束时间", "Until", _TIME),
        _column("staff_no", "值班人工号", "On duty (staff number)"),
    ),
)  # fmt: skip
POLICIES = Register(
    id="policies", zh="制度清单", en="Policies with review dates", key=("policy",),
    columns=(
        _column("policy", "制度", "Policy"),
        _one_of("topic", "主题", "Topic", security="网络安全", data="数据治理",
                compliance="合规义务", personal_information="个人信息保护",
                recovery="备份恢复", service="服务质量", other="其他"),
        _column("version", "版本", "Version"),
        _column("reviewed", "最近评审日期", "Last reviewed on", _DATE),
        _OWNER,
    ),
)  # fmt: skip
MEETINGS = Register(
    id="meetings", zh="会议台账", en="Meetings", key=("date", "body"),
    columns=(
        _column("date", "日期", "Date", _DATE),
        _one_of("body", "会议", "Body", leading_group="网络安全与信息化领导小组",
                data_governance="数据治理委员会", management_review="服务管理评审会",
                other="其他"),
        _column("chair", "主持人工号", "Chair (staff number)"),
        _column("minutes", "有纪要", "Minutes kept", _YES_NO),
    ),
)  # fmt: skip
ASSESSMENTS = Register(
    id="assessments", zh="测评与备案台账", en="Assessments and filing certificates",
    key=("kind", "system", "date"),
    columns=(
        _one_of("kind", "类别", "Kind", classified_protection="等级保护测评",
                filing="定级备案", cryptography="密码应用安全性评估", licence="业务许可",
                compliance="合规检查", personal_information="个人信息保护影响评估或审计",
                financial_information="个人金融信息专项检查"),
        _column("system", "系统", "System"),
        _column("number", "编号", "Number"),
        _column("date", "日期", "Date", _DATE),
        _may("valid_until", "有效期至", "Valid until", _DATE),
        _may("level", "等级", "Level", _NUMBER),
        _may("high_risks", "高风险项数", "High risks", _NUMBER),
    ),
)  # fmt: skip
SCANS = Register(
    id="scans", zh="安全检测与漏洞挖掘台账", en="Scans and vulnerability work",
    key=("date", "kind", "scope"),
    columns=(
        _column("date", "日期", "Date", _DATE),
        _one_of("kind", "类别", "Kind", scan="安全检测", hunt="漏洞挖掘"),
        _column("scope", "范围", "Scope"),
        _column("by", "执行方", "By"),
        _column("report", "报告编号", "Report"),
    ),
)  # fmt: skip
DRILLS = Register(
    id="drills", zh="演练台账", en="Drills", key=("date", "kind", "system"),
    columns=(
        _column("date", "日期", "Date", _DATE),
        _one_of("kind", "类别", "Kind", restore="恢复演练", emergency="应急演练",
                attack="攻防演练"),
        _column("system", "系统", "System"),
        _column("passed", "演练成功", "Passed", _YES_NO),
        _may("minutes", "用时（分钟）", "Took (minutes)", _NUMBER),
        _may("rto_minutes", "RTO（分钟）", "RTO (minutes)", _NUMBER),
    ),
)  # fmt: skip
COMPLAINTS = Register(
    id="complaints", zh="投诉台账", en="Complaints", key=("complaint",),
    columns=(
        _column("complaint", "投诉编号", "Complaint"),
        _column("received", "收到日期", "Received on", _DATE),
        _column("source", "来源", "Source"),
        _column("complex", "复杂投诉", "Complex", _YES_NO),
        _may("cause", "原因", "Cause"),
        _may("responsible", "责任部门", "Responsible"),
        _may("measure", "措施", "Measure"),
        _may("result", "处理结果", "Result"),
        _may("answered", "答复日期", "Answered on", _DATE),
        _may("repeat_of", "重复投诉的原编号", "Repeats (complaint)", needed=False),
        _may("reopened", "重新打开日期", "Opened again on", _DATE, needed=False),
    ),
)  # fmt: skip
SURVEYS = Register(
    id="surveys", zh="满意度调查台账", en="Surveys", key=("date",),
    columns=(
        _column("date", "日期", "Date", _DATE),
        _column("sample", "样本量", "Sample", _NUMBER),
        _column("index", "满意度指数", "Index", _NUMBER),
        _column("staff", "含服务人员", "Asks after staff", _YES_NO),
        _column("process", "含服务过程", "Asks after the process", _YES_NO),
        _column("quality", "含服务质量", "Asks after quality", _YES_NO),
        _column("report", "报告编号", "Report"),
    ),
)  # fmt: skip
EVALUATIONS = Register(
    id="evaluations", zh="评价与监督检查台账", en="Self and third-party evaluations",
    key=("date", "kind"),
    columns=(
        _column("date", "日期", "Date", _DATE),
        _one_of("kind", "类别", "Kind", self="自我评价", third_party="第三方评价",
                internal_check="内部监督检查"),
        _column("by", "执行方", "By"),
        _column("report", "报告编号", "Report"),
    ),
)  # fmt: skip
RETURNS = Register(
    id="returns", zh="监管报送台账", en="Returns to the supervisor", key=("name", "due"),
    columns=(
        _column("name", "报表", "Return"),
        _column("due", "应报日期", "Due on", _DATE),
        _may("submitted", "报送日期", "Submitted on", _DATE),
        _may("receipt", "回执编号", "Receipt"),
    ),
)  # fmt: skip
ACTIONS = Register(
    id="actions", zh="不符合项与纠正措施台账", en="Corrective actions", key=("action",),
    columns=(
        _column("action", "编号", "Number"),
        _one_of("source", "来源", "Source", assessment="等级保护测评", scan="安全检测",
                regulator="监管检查", complaint="投诉", survey="满意度调查", self="自我评价",
                third_party="第三方评价", audit="内部检查"),
        _column("found", "发现日期", "Found on", _DATE),
        _column("issue", "不符合项", "Issue"),
        _may("cause", "原因", "Cause"),
        _may("measure", "措施", "Measure"),
        _OWNER,
        _column("due", "期限", "Due on", _DATE),
        _may("closed", "关闭日期", "Closed on", _DATE),
        _may("retested", "复验日期", "Re-tested on", _DATE),
    ),
)  # fmt: skip
REVIEWS = Register(
    id="reviews", zh="权限复核台账", en="Reviews of access rights", key=("date", "system"),
    columns=(
        _column("date", "日期", "Date", _DATE),
        _column("system", "系统", "System"),
        _column("by", "复核人工号", "By (staff number)"),
        _column("removed", "收回权限数", "Rights taken back", _NUMBER),
    ),
)  # fmt: skip
PERFORMANCE = Register(
    id="performance", zh="性能与时限台账", en="Response times, capacity and service times",
    key=("date", "kind", "name"),
    columns=(
        _column("date", "日期", "Date", _DATE),
        _one_of("kind", "类别", "Kind", interface="接口", capacity="容量", service_time="办理时限"),
        _column("name", "名称", "Name"),
        _may("p95_ms", "P95响应时间（毫秒）", "P95 (ms)", _NUMBER),
        _may("p95_target_ms", "P95目标（毫秒）", "P95 target (ms)", _NUMBER),
        _may("errors", "错误率（%）", "Errors (%)", _NUMBER),
        _may("errors_target", "错误率目标（%）", "Error target (%)", _NUMBER),
        _may("peak", "高峰占用（%）", "Peak use (%)", _PERCENT),
        _may("kept", "时限达成率（%）", "Kept in time (%)", _PERCENT),
        _may("kept_target", "时限达成目标（%）", "Target (%)", _PERCENT),
    ),
)  # fmt: skip
RISK = Register(
    id="risk", zh="风控引擎统计", en="Figures of the risk engine", key=("engine", "decision"),
    columns=(
        _column("engine", "引擎", "Engine"),
        _one_of("decision", "处置", "Decision", passed="放行", flagged="预警", blocked="拦截",
                wrong="误拦"),
        _column("events", "近30天笔数", "Events of 30 days", _NUMBER),
        _may("last_event", "最近事件时间", "Last event at", _TIME),
        _may("rules", "启用规则数", "Rules enabled", _NUMBER, needed=False),
    ),
)  # fmt: skip
AGENTS = Register(
    id="agents", zh="安全软件控制台导出", en="Exports of security consoles",
    key=("host", "category"),
    columns=(
        _column("host", "主机或终端", "Host or terminal"),
        _one_of("category", "类别", "Category", host_antivirus="主机防病毒", hids="主机入侵检测",
                terminal_antivirus="终端防病毒", admission="终端准入",
                terminal_management="终端管理"),
        _column("online", "最近在线日期", "Last online on", _DATE),
        _may("signatures", "特征库日期", "Signatures of", _DATE),
        _may("protected", "实时防护", "Real-time protection", _YES_NO, needed=False),
    ),
)  # fmt: skip
CRYPTOGRAPHY = Register(
    id="cryptography", zh="密码应用与产品台账", en="Cryptography in use", key=("use",),
    columns=(
        _column("use", "用途", "Use"),
        _one_of("layer", "层面", "Layer", physical="物理和环境安全", network="网络和通信安全",
                device="设备和计算安全", application="应用和数据安全"),
        _column("product", "密码产品", "Product"),
        _column("algorithms", "算法", "Algorithms", _LIST),
        _may("certificate", "产品认证证书编号", "Certificate"),
        _may("valid_until", "证书有效期至", "Valid until", _DATE),
        _may("module_level", "密码模块等级", "Level of the module", _NUMBER),
        _may("endpoint", "端点（资产清单）", "Endpoint (of the inventory)", needed=False),
        _OWNER,
    ),
)  # fmt: skip

REGISTERS = (
    STAFF, DATA, INTERFACES, PARTNERS, PRODUCTS, DUTY, POLICIES, MEETINGS, ASSESSMENTS, SCANS,
    DRILLS, COMPLAINTS, SURVEYS, EVALUATIONS, RETURNS, ACTIONS, REVIEWS, PERFORMANCE,
    RISK, AGENTS, CRYPTOGRAPHY,
)  # fmt: skip
BY_ID = {register.id: register for register in REGISTERS}
