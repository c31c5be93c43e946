"""The letters' words in English and Korean: steps, things, roles, kinds. The glossary's terms, nothing computed."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """One language. `steps`: (process, step) → (what to do in two or three words, the same as a whole sentence);
    `places`: steps as places where a case stands, whatever the process, those of runs and ends too; `frames`: the
    sentences around, with their blanks. What is not named here goes by its identifier."""

    language: str
    steps: Mapping[tuple[str, str], tuple[str, str]]
    places: Mapping[str, str]
    things: Mapping[str, str]
    kinds: Mapping[str, str]
    roles: Mapping[str, str]
    lanes: Mapping[str, str]
    days: tuple[str, ...]
    levels: tuple[str, ...]
    frames: Mapping[str, str]

    def step(self, process: str, step: str) -> tuple[str, str]:
        plain = self.places.get(step) or step.replace("_", " ").capitalize()
        return self.steps.get((process, step), (plain, self.frames["waits"].format(step=plain)))


EN = Words(
    language="en",
    steps={
        ("inspection", "visit"): ("Visit", "A borrower waits for your visit."),
        ("inspection", "collect"): ("Collect", "An inspection waits for you to collect its data."),
        ("inspection", "check"): ("Check", "A vendor's package waits for you to check it."),
        ("inspection", "review"): ("Review", "An inspection waits for your conclusion."),
        ("inspection", "verify_desk"): ("Verify at desk", "A conclusion waits for you to verify it at the desk."),
        ("inspection", "verify_site"): ("Verify on site", "An inspection waits for you to verify it on site."),
        ("inspection", "revisit"): ("Second visit", "An inspection waits for you to go there once more: nobody was met."),
        ("inspection", "compare"): ("Compare", "Your own record waits to be compared with the manager's."),
        ("inspection", "decide"): ("Decide", "An escalated inspection waits for your decision."),
        ("control", "confirm"): ("Confirm", "A restriction waits for you to confirm it."),
        ("control", "in_force"): ("Review", "A restriction is in force until you review it."),
        ("control", "confirm_lift"): ("Confirm lifting", "The lifting of a restriction waits for you to confirm it."),
        ("order", "in_work"): ("Correct", "A correction order waits for you to carry it out."),
        ("order", "extend"): ("Decide extension", "A request for a later deadline waits for your decision."),
        ("order", "accept"): ("Accept", "A correction waits for you to accept it."),
        ("order", "tightened"): ("Correct", "A correction order is overdue and has been tightened."),
        ("order", "workout"): ("Settle", "A correction order was not carried out and waits for you to settle it."),
        ("handover", "take_over"): ("Take over", "A borrower waits for you to take it over."),
        ("policy", "approve"): ("Approve", "A version of the policy book waits for your approval."),
    },
    places={
        "start": "Open", "dispatch": "Dispatch", "screen": "Screen", "prepare": "Prepare", "draw": "Draw",
        "weigh": "Weigh", "running": "Running", "in_force": "In force", "tightened": "Tightened", "workout": "Workout",
        "closed": "Closed", "cancelled": "Cancelled", "lifted": "Lifted", "rejected": "Rejected", "done": "Done",
        "taken": "Taken over", "declined": "Declined", "approved": "Approved", "finished": "Finished",
    },
    things={
        "inspection": "inspection", "control": "restriction", "order": "order", "handover": "hand-over",
        "policy": "policy version", "run": "run",
    },
    kinds={
        "use": "first use of funds", "regular": "regular", "special": "special",
        "repayment": "repayment source", "rating": "rating review",
    },
    roles={
        "account_manager": "account manager", "branch_head": "head of branch", "inspector": "inspector",
        "post_loan_officer": "post-loan officer", "credit_manager": "credit manager",
        "policy_editor": "policy editor", "operations": "operations", "auditor": "auditor",
        "administrator": "administrator",
    },
    lanes={"system": "system", "vendor": "vendor", "branch": "branch", "department": "department", "office": "office"},
    days=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    levels=("none", "yellow", "orange", "red", "workout"),
    frames={
        "waits": "{step}: an item waits for you.",
        "remind": "Reminder: {sentence}",
        "late": "Another's item is late.",
        "nobody": "Nobody may do this step.",
        "restriction": "A restriction is in force on a borrower of yours.",
        "lifted": "A restriction on a borrower of yours is lifted.",
        "subject_late": "{due}: {what} {ref}",
        "subject_due": "{what} {due}: {ref}",
        "subject": "{what}: {ref}",
        "subject_other": "{due}, with another: {ref}",
        "subject_nobody": "Nobody may {what}: {ref}",
        "subject_restriction": "In force: {ref}",
        "subject_lifted": "Lifted: {ref}",
        "step_late": "{what}, with another", "step_nobody": "Nobody may {what}", "step_restriction": "In force",
        "step_lifted": "Lifted",
        "by_today": "by today", "by_tomorrow": "by tomorrow", "by": "by {date}",
        "late_one": "Late by 1 day", "late_many": "Late by {n} days", "was_due": "{late}, was due {date}",
        "due_today": "Due today, {date}", "due_tomorrow": "Due tomorrow, {date}", "due": "Due {date}",
        "no_due": "No deadline", "for_information": "For your information", "greeting": "{name},",
        "item": "Item", "step": "Step", "borrower": "Borrower", "level": "Level", "waits_for": "Waits for", "why": "Why you",
        "deadline": "Deadline", "proposed_by": "Proposed by", "issued_by": "Issued by",
        "why_manager": "You are first responsible for this borrower",
        "why_owner": "It is yours",
        "why_holder": "You have claimed it, or it was handed to you",
        "why_deputy": "You stand in for {name}",
        "why_role": "You hold the role {role}; the first to claim it has it",
        "why_told": "You are told because it was not done in time; you may hand it to somebody else",
        "why_operations": "Operations finds somebody: grant the role {role}, or have the item reassigned",
        "open": "Open to decide:", "look": "Open the case:", "inbox": "Open the inbox:",
        "link_one": "Opening the link decides nothing. You sign in first. The link is for you only and ends in "
                    "{days}, or when the item is decided.",
        "link_many": "Opening a link decides nothing. You sign in first. The links are for you only. Each ends at its "
                     "item's deadline, after {days} at most, or when the item is decided.",
        "one_day": "1 day", "many_days": "{n} days",
        "foot": "{bank}. If the link doesn't open, sign in and look in your inbox{ref}.", "foot_ref": " for {ref}",
        "foot_many": "{bank}. If a link doesn't open, sign in and look in your inbox.",
        "alert_failed": "The stage {stage} has failed", "alert_crashed": "A run of the stage {stage} was lost",
        "alert_late": "The stage {stage} has not begun in time", "alert_stuck": "A run of the stage {stage} does not end",
        "alert_since": "Reported {at}", "alert_says": "Prefect says", "alert_open": "Open operations:",
        "alert_why": "You hold the role operations",
        "link_operations": "What failed can be run again there; what was done is not done again.",
        "digest": "{n} items wait for you", "digest_late": "{n} late", "digest_today": "{n} due today",
        "more": "and {n} more in the inbox",
    },
)  # fmt: skip

KO = Words(
    language="ko",
    steps={
        ("inspection", "visit"): ("방문", "방문할 차주가 있습니다."),
        ("inspection", "collect"): ("자료 수집", "점검자료를 수집할 점검이 있습니다."),
        ("inspection", "check"): ("일괄점검", "일괄점검할 수탁업체 점검자료가 있습니다."),
        ("inspection", "review"): ("점검의견", "점검의견을 낼 점검이 있습니다."),
        ("inspection", "verify_desk"): ("서면 이중확인", "서면으로 이중확인할 점검의견이 있습니다."),
        ("inspection", "verify_site"): ("현장 이중확인", "현장에서 이중확인할 점검이 있습니다."),
        ("inspection", "revisit"): ("재방문", "아무도 만나지 못한 현장을 다시 방문할 점검이 있습니다."),
        ("inspection", "compare"): ("비교", "내 현장기록을 담당RM의 의견과 비교할 차례입니다."),
        ("inspection", "decide"): ("결정", "상신된 점검이 결정을 기다립니다."),
        ("control", "confirm"): ("확인", "확인할 여신제한이 있습니다."),
        ("control", "in_force"): ("재검토", "시행 중인 여신제한을 재검토할 차례입니다."),
        ("control", "confirm_lift"): ("해제 확인", "해제를 확인할 여신제한이 있습니다."),
        ("order", "in_work"): ("시정", "이행할 시정요구가 있습니다."),
        ("order", "extend"): ("연장 결정", "시정기한 연장 요청이 결정을 기다립니다."),
        ("order", "accept"): ("시정확인", "시정 결과가 확인을 기다립니다."),
        ("order", "tightened"): ("시정", "기한을 넘겨 강화된 시정요구가 있습니다."),
        ("order", "workout"): ("정리", "이행되지 않은 시정요구가 정리를 기다립니다."),
        ("handover", "take_over"): ("인수", "인수할 차주가 있습니다."),
        ("policy", "approve"): ("승인", "승인할 규정집 판이 있습니다."),
    },
    places={
        "start": "개시", "dispatch": "배정", "screen": "자동심사", "prepare": "준비", "draw": "표본추출", "weigh": "판정",
        "running": "진행 중", "in_force": "시행 중", "tightened": "강화됨", "workout": "정리", "closed": "종결",
        "cancelled": "취소", "lifted": "해제", "rejected": "부결", "done": "완료", "taken": "인수", "declined": "거절",
        "approved": "승인 완료", "finished": "끝남",
    },
    things={
        "inspection": "점검", "control": "여신제한", "order": "시정요구", "handover": "담당 변경", "policy": "규정집",
        "run": "실행",
    },
    kinds={
        "use": "자금용도", "regular": "정기", "special": "특별", "repayment": "상환재원", "rating": "등급재평가",
    },
    roles={
        "account_manager": "담당RM", "branch_head": "지점장", "inspector": "점검원", "post_loan_officer": "사후관리역",
        "credit_manager": "여신관리 책임자", "credit_approver": "여신승인역", "policy_editor": "규정 담당자", "operations": "운영 담당자",
        "auditor": "감사인", "administrator": "관리자",
    },
    lanes={
        "system": "시스템", "vendor": "수탁업체", "branch": "지점", "department": "여신관리부", "office": "사무소",
    },
    days=("월", "화", "수", "목", "금", "토", "일"),
    levels=("없음", "노랑", "주황", "빨강", "정리"),
    frames={
        "waits": "{step}: 기다리는 일이 있습니다.",
        "remind": "다시 알림: {sentence}",
        "late": "다른 사람의 일이 기한을 넘겼습니다.",
        "nobody": "이 단계를 할 수 있는 사람이 없습니다.",
        "restriction": "담당 차주에 여신제한이 시행 중입니다.",
        "lifted": "담당 차주의 여신제한이 해제되었습니다.",
        "subject_late": "{due}: {ref} {what}",
        "subject_due": "{due}: {ref} {what}",
        "subject": "{ref} {what}",
        "subject_other": "{due}, 다른 사람의 일: {ref}",
        "subject_nobody": "할 수 있는 사람 없음: {ref} {what}",
        "subject_restriction": "{ref} 시행",
        "subject_lifted": "{ref} 해제",
        "step_late": "{what}, 다른 사람", "step_nobody": "{what}, 할 사람 없음", "step_restriction": "시행 중",
        "step_lifted": "해제",
        "by_today": "오늘까지", "by_tomorrow": "내일까지", "by": "{date}까지",
        "late_one": "1일 지연", "late_many": "{n}일 지연", "was_due": "{late}, 기한 {date}",
        "due_today": "오늘까지, {date}", "due_tomorrow": "내일까지, {date}", "due": "{date}까지",
        "no_due": "기한 없음", "for_information": "알려 드립니다", "greeting": "{name} 님,",
        "item": "일", "step": "단계", "borrower": "차주", "level": "등급", "waits_for": "담당", "why": "받은 까닭",
        "deadline": "기한", "proposed_by": "제안", "issued_by": "발부",
        "why_manager": "이 차주의 담당RM입니다",
        "why_owner": "내가 맡은 일입니다",
        "why_holder": "내가 맡았거나 넘겨받은 일입니다",
        "why_deputy": "{name}의 대행자입니다",
        "why_role": "{role}입니다. 먼저 맡는 사람이 합니다",
        "why_told": "기한 안에 처리되지 않아 알려 드립니다. 다른 사람에게 맡길 수 있습니다",
        "why_operations": "할 수 있는 사람을 찾아야 합니다: {role} 역할을 주거나 일을 다시 맡깁니다",
        "open": "열어서 결정:", "look": "점검 열기:", "inbox": "받은 일 열기:",
        "link_one": "링크를 열어도 결정되지 않습니다. 먼저 로그인합니다. 링크는 본인만 쓸 수 있고, "
                    "{days} 뒤 또는 결정되면 끝납니다.",
        "link_many": "링크를 열어도 결정되지 않습니다. 먼저 로그인합니다. 링크는 본인만 쓸 수 있고, 각각 그 일의 기한에, "
                     "늦어도 {days} 뒤 또는 결정되면 끝납니다.",
        "one_day": "1일", "many_days": "{n}일",
        "foot": "{bank}. 링크가 열리지 않으면 로그인한 뒤 받은 일에서 찾습니다{ref}.", "foot_ref": ": {ref}",
        "foot_many": "{bank}. 링크가 열리지 않으면 로그인한 뒤 받은 일에서 찾습니다.",
        "alert_failed": "{stage} 단계 실패", "alert_crashed": "{stage} 단계의 실행이 중단됨",
        "alert_late": "{stage} 단계가 제때 시작되지 않음", "alert_stuck": "{stage} 단계의 실행이 끝나지 않음",
        "alert_since": "{at} 보고", "alert_says": "Prefect 내용", "alert_open": "운영 화면 열기:",
        "alert_why": "운영 담당자입니다",
        "link_operations": "실패한 단계는 그 화면에서 다시 실행할 수 있습니다. 이미 처리된 건은 다시 처리되지 않습니다.",
        "digest": "받은 일 {n}건", "digest_late": "지연 {n}건", "digest_today": "오늘까지 {n}건",
        "more": "외 {n}건은 받은 일에 있습니다",
    },
)  # fmt: skip

LANGUAGES: Mapping[str, Words] = {"en": EN, "ko": KO}
