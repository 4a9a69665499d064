"""What people's verdicts are read from, and how far they change what we do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FeedbackPolicy:
    """Reading tickets back, mapping how they were resolved to verdicts, and the effect of these.

    Codes and notes are compared without regard to case, width and punctuation. A code in no list, and no note that
    begins like one of the lists, is `insufficient_data`.
    """

    watch_closed_s: float = 30 * 86400.0
    """A ticket is looked at for so long after it was resolved: people reopen, and change their minds."""
    max_lookups: int = 200
    """Tickets looked at in one sink in one run; those not seen for longest come first."""
    clock_slack_s: float = 120.0
    """How far the clock of a ticket system may be from ours when we ask whether it was we who resolved a ticket."""
    true_codes: tuple[str, ...] = (
        "true_positive",
        "fixed",
        "solved",
        "solved_permanently",
        "solved_work_around",
        "solved_remotely_permanently",
        "solved_remotely_work_around",
        "solution_provided",
        "workaround_provided",
        "workaround",
        "known_error",
        "resolved_by_change",
        "resolved_by_problem",
        "hardware_failure",
        "software_failure",
        "host_replaced",
        "disk_replaced",
        "disk_failed",
        "config_fixed",
        "rolled_back",
        "restarted",
        "scaled",
        "completed",
        "done",
        "resolved",
        "closed",
        "조치_완료",
        "조치완료",
        "해결",
        "해결됨",
        "해결_완료",
        "처리_완료",
        "완료",
        "임시_조치",
        "임시조치",
        "부품_교체",
        "디스크_교체",
        "장비_교체",
    )
    """Resolution codes that say: it was real. (ServiceNow, Jira, Redmine, Request Tracker, GitHub, Korean.)"""
    false_codes: tuple[str, ...] = (
        "false_alarm",
        "false_positive",
        "no_fault_found",
        "not_an_issue",
        "not_a_bug",
        "no_issue",
        "invalid",
        "cannot_reproduce",
        "not_reproducible",
        "not_solved_not_reproducible",
        "expected_behavior",
        "expected_behaviour",
        "works_as_designed",
        "rejected",
        "오탐",
        "오경보",
        "정상",
        "이상_없음",
        "이상없음",
        "문제_없음",
        "장애_아님",
        "재현_불가",
        "반려",
    )
    """Resolution codes that say: nothing was wrong."""
    duplicate_codes: tuple[str, ...] = ("duplicate", "duplicated", "merged", "중복", "중복_접수", "병합")
    """Resolution codes that say: it is the same as another."""
    insufficient_codes: tuple[str, ...] = (
        "insufficient_data",
        "incomplete",
        "no_resolution_provided",
        "not_solved_too_costly",
        "wont_fix",
        "won_t_fix",
        "wont_do",
        "won_t_do",
        "declined",
        "not_planned",
        "cancelled",
        "canceled",
        "abandoned",
        "resolved_by_caller",
        "closed_resolved_by_caller",
        "resolved_by_request",
        "user_error",
        "self_resolved",
        "자료_부족",
        "정보_부족",
        "보류",
        "취소",
        "자연_해소",
    )
    """Resolution codes that say neither; listed so that nobody wonders."""
    weak_codes: tuple[str, ...] = ("completed", "done", "resolved", "closed", "rejected", "완료", "반려", "정상")
    """Those of the codes that systems set when nobody chose one, or that people also use otherwise."""
    true_notes: tuple[str, ...] = ("confirmed", "true positive", "real incident", "정탐", "실제 장애", "장애 확인")
    """A closing note that begins so says: it was real. Asked only where the code says nothing."""
    false_notes: tuple[str, ...] = (
        "false alarm",
        "false positive",
        "no fault found",
        "nothing wrong",
        "expected behaviour",
        "expected behavior",
        "오탐",
        "오경보",
        "이상 없음",
        "장애 아님",
    )
    """A closing note that begins so says: nothing was wrong."""
    duplicate_notes: tuple[str, ...] = ("duplicate of", "same as", "중복")
    """A closing note that begins so says: it is the same as another."""
    code_confidence_ratio: float = 0.9
    """How sure a verdict is that was chosen as a code: people choose in haste."""
    note_confidence_ratio: float = 0.7
    """How sure a verdict is that was read from the words of a closing note."""
    weak_confidence_ratio: float = 0.4
    """How sure a verdict is that a system may have set by itself."""
    self_confidence_ratio: float = 0.05
    """How sure a verdict is that stands on a ticket that we have resolved ourselves; nothing is learned from it."""
    min_training_confidence_ratio: float = 0.6
    """Less sure verdicts neither add a failure to what models learn from, nor take one away."""
    widening: float = 0.5
    """A false finding widens the band of its series by this share of the usual half-width, times its confidence; a
    true one takes as much back."""
    max_widening: float = 1.0
    """No band is widened by more than this share: a series is made less sensitive, never deaf."""
    half_life_s: float = 30 * 86400.0
    """After this time a verdict weighs half: systems change, and a band finds its way back by itself."""
    memory_s: float = 240 * 86400.0
    """Older verdicts weigh nothing."""
    detector_min_labels: int = 20
    """With fewer (decayed) verdicts about its findings a detector stays as it is."""
    detector_tolerated_ratio: float = 0.5
    """Share of false findings of a detector that is tolerated."""
    detector_widening: float = 0.25
    """Share by which all bands of a detector are widened if every finding of it is false; in proportion between."""
