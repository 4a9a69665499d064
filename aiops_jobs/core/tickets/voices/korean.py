"""What tickets say in Korean, in the short style of an operations ticket.

A pair of particles such as ``을/를`` stands between angle brackets: `with_particles` keeps the one that the word before
it asks for.
"""

from __future__ import annotations

import re

from aiops_jobs.core.tickets.voices.phrases import Phrases

KOREAN = Phrases(
    retells=True,
    levels={"high": "높음", "medium": "중간", "low": "낮음"},
    causes={
        "change": "배포·변경 작업",
        "capacity": "용량 부족",
        "dependency": "의존 대상 장애",
        "traffic": "트래픽 증가",
        "config": "설정 변경",
        "infra": "인프라 장애",
        "data": "데이터 이상",
        "unknown": "원인 미상",
    },
    proofs={
        "metric": "지표",
        "log": "로그",
        "trace": "트레이스",
        "change": "변경 이력",
        "topology": "구성 관계",
        "alert": "알림",
        "ticket": "티켓",
    },
    symptoms={"latency": "응답 지연", "error rate": "오류율 증가"},
    risks={"capacity_risk": "{entity} 용량 고갈 위험", "failure_risk": "{entity} 고장 위험"},
    next_steps={
        "capacity": "{entity}의 용량을 늘리거나 부하를 줄인 뒤, 증상이 사라지는지 확인하세요.",
        "change": "{change}⟨을/를⟩ 롤백하거나 수정한 뒤, 증상이 사라지는지 확인하세요.",
        "config": "{change}⟨을/를⟩ 되돌린 뒤, 증상이 사라지는지 확인하세요.",
        "infra": "대체할 장비가 있으면 {entity}⟨을/를⟩ 서비스에서 제외한 뒤 복구하세요.",
        "dependency": "{entity}부터 점검하세요. 증상이 확인된 구성 요소 중 가장 하위에 있습니다.",
        "data": "{entity}에서 정상 데이터가 들어오지 않는 이유를 확인하고, 복구 후 밀린 처리를 따라잡게 하세요.",
        "traffic": "부하가 어디서 들어오는지, {entity}⟨이/가⟩ 감당할 수 있는지 확인하세요.",
        "unknown": "증상이 처음 나타난 {entity}부터 점검하세요.",
    },
    assigned_by={
        "catalogue": "서비스 카탈로그 기준",
        "rule": "배정 규칙 기준",
        "classifier": "유사 티켓의 처리 이력 기준",
        "triage": "담당 미확인으로 분류 대기",
    },
    title="{place}: {what}{scale}",
    more_services=", 서비스 {count}개 추가 영향",
    counted="알림 {alerts}건, 이상 징후 {findings}건",
    summary="{began}부터 알림 {alerts}건, 이상 징후 {findings}건이 발생했습니다. (데이터 소스 {sources}개에서 확인)",
    since="**발생:** {began} (탐지 {detected}), {state}",
    is_over="{ended}에 종료",
    goes_on="현재 진행 중",
    impact="**영향:** {priority} (영향도 {impact}, 긴급도 {urgency}). {who}",
    services="영향 서비스: {names}",
    no_service="영향을 받는 것으로 확인된 서비스는 없습니다.",
    cause_unknown="**원인 미확인.**{hint}",
    suspects=" 의심되나 확실하지 않은 원인: {names}",
    likely_cause="**추정 원인** ({kind}, 신뢰도 {confidence}): {statement}",
    cause_of="{entity}의 {kind}",
    cause_by_change="{entity}의 {kind} (변경 {change})",
    proof="{kind}: {names}{value} ({start} ~ {end})",
    proof_value=", 값 {value}",
    chain="장애 경위",
    evidence="근거",
    similar="유사 장애",
    changes="관련 변경",
    announced="사전 공지",
    next_step="**다음 조치:** {step}",
    assigned="**담당:** {group}{person} ({reason})",
    nobody="미정",
    on_call=", 당직 {person}",
    target="**처리 기한:** {at_risk}유사 티켓의 {share}⟨이/가⟩ 기한을 넘겼습니다.",
    at_risk="초과 위험. ",
    runbook="**런북:** {text}",
    page="이 장애의 상세 페이지",
    footer="{subject}. 판단 근거와 사용한 파일·버전 확인: {command}",
    over="{ended}에 종료되었습니다. 남아 있는 증상과 알림이 없습니다.",
    confidence=" 신뢰도 {confidence}.",
    known_since="**최초 확인:** {detected}.{sure}",
    about="**대상:** {entity}",
    risk_step="아직 장애는 아닙니다. 발생하기 전에 조치하세요.",
    risk_gone="위험이 해소되었습니다. {detected}에 마지막으로 확인되었고, 이후 점검에서는 발견되지 않았습니다.",
    digest_title="보류된 티켓 {count}건",
    digest_intro=(
        "한 번의 실행에서 생성할 티켓이 {most}건을 넘어 아래 항목을 보류했습니다. 내용은 웨어하우스에 남아 있습니다."
    ),
    digest_more="외 {count}건",
    alike="{subject}, {opened}, 유사도 {share}",
    alike_cause=" 원인: {entity}",
    the_change="해당 변경",
    first_member="최초 발생 지점",
)

_PAIR = re.compile(r"⟨([^/⟩]+)/([^⟩]+)⟩")
_SOUNDED = re.compile(r"[0-9A-Za-z%\uac00-\ud7a3]")
_CLOSED_DIGITS = "013678"
_CLOSED_LETTERS = "lmn"


def with_particles(text: str) -> str:
    """Return text in which of every pair of particles the one stands that follows the word before it.

    A Hangul syllable tells by its final consonant, a digit by its name (``%`` is read 퍼센트), a Latin word
    by its last sound (``l``, ``m``, ``n``, ``ng`` close it).

    Example:
        >>> with_particles("`host/web-01`⟨을/를⟩, `orders-db`⟨이/가⟩, 결제⟨은/는⟩, 서울⟨으로/로⟩")
        '`host/web-01`을, `orders-db`가, 결제는, 서울로'
    """
    return _PAIR.sub(lambda found: _fitting(text[: found.start()], found.group(1), found.group(2)), text)


def _fitting(before: str, closed: str, opened: str) -> str:
    heard = _SOUNDED.findall(before[-20:])
    if not heard:
        return opened
    last = heard[-1].lower()
    if "\uac00" <= last <= "\ud7a3":
        final = (ord(last) - 0xAC00) % 28
        is_closed, is_l = final != 0, final == 8
    elif last.isdigit():
        is_closed, is_l = last in _CLOSED_DIGITS, last in "178"
    else:
        is_closed, is_l = last in _CLOSED_LETTERS or heard[-2:] == ["n", "g"], last == "l"
    return opened if not is_closed or (is_l and opened == "로") else closed
