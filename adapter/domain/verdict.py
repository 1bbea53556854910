"""Verdicts, and `judge`: the only place that decides what an answer means for the work.

| answer                     | a read         | a write                                       |
|----------------------------|----------------|-----------------------------------------------|
| accepted                   | Confirmed      | Confirmed                                     |
| refused: setup incomplete  | Halt           | Halt                                          |
| refused: a view of ours is stale (exists, is gone, is activated ...) | Confirmed or Rejected | Unsure |
| refused: assessment or hierarchy missing | - | Manual                                     |
| refused: anything else     | Rejected       | Rejected                                      |
| 401, 403                   | Halt           | Halt                                          |
| 429                        | Retry          | Retry                                         |
| 5xx, no answer, unreadable | Retry          | Unsure: it may have been carried out          |
| no connection              | Retry          | Retry: nothing was sent                       |
| id that cannot be sent     | Rejected       | Rejected                                      |
"""

from dataclasses import dataclass
from typing import assert_never

from adapter.domain.answers import (
    Accepted,
    Answer,
    Failing,
    Forbidden,
    Garbled,
    NoAnswer,
    Phrase,
    Refused,
    Remark,
    Throttled,
    Unreachable,
    Unsendable,
)
from adapter.domain.policy import Policy
from adapter.domain.steps import Step


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, for people and for programs: a stable code and a sentence an exam office understands."""

    code: str
    text: str
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Cirrus has it so."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Cirrus says no to this record for good; the SIS hears why."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Retry:
    """Nothing happened; the same may be tried again after so many seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class Unsure:
    """It may have happened: Cirrus is read before anything is sent again, after so many seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class Manual:
    """A person has to do something in Cirrus first; `name` is the kind of task."""

    name: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Halt:
    """Nothing of this tenant can succeed now: stop calling, keep everything, raise one alert."""

    cause: str
    after: float


Verdict = Confirmed | Rejected | Retry | Unsure | Manual | Halt

STALE = frozenset(
    {
        Phrase.ALREADY_EXISTS,
        Phrase.ALREADY_ACTIVATED,
        Phrase.ALREADY_ADDED,
        Phrase.NOT_FOUND,
        Phrase.USER_NOT_FOUND,
        Phrase.FROZEN,
        Phrase.ARCHIVED,
        Phrase.FINISHED,
    }
)
"""Refusals which say that Cirrus is not as we believed: look again, then plan again."""


PREPARATIONS: dict[Phrase, str] = {
    Phrase.ASSESSMENT_UNUSABLE: "prepare-assessment",
    Phrase.HIERARCHY_MISSING: "prepare-hierarchy",
}
"""What a person has to make in Cirrus before the same call can succeed: the kind of task for each."""


def judge(answer: Answer, step: Step, attempt: int, policy: Policy) -> Verdict:
    """Decide what `answer` to `step` means; `attempt` counts from 0 and lengthens the pauses."""
    pause = policy.pause(attempt)
    match answer:
        case Accepted():
            return Confirmed()
        case Refused(remarks=remarks):
            return _refusal(remarks, step, pause, policy)
        case Unsendable(external_id=external_id, rule=rule):
            return Rejected(Reason("invalid-id", f"Cirrus does not accept the id '{external_id}': {rule}."))
        case Forbidden():
            return Halt("auth", policy.halt_probe)
        case Throttled(after=after):
            return Retry(max(pause, after or 0.0))
        case Failing(after=after):
            return Retry(max(pause, after or 0.0)) if step.reads else Unsure(max(pause, after or 0.0))
        case NoAnswer() | Garbled():
            return Retry(pause) if step.reads else Unsure(pause)
        case Unreachable():
            return Retry(pause)
        case _ as never:
            assert_never(never)


def _refusal(remarks: tuple[Remark, ...], step: Step, pause: float, policy: Policy) -> Verdict:
    phrases = {remark.phrase for remark in remarks}
    if Phrase.SETUP in phrases:
        return Halt("setup", policy.halt_probe)
    for phrase, task in PREPARATIONS.items():
        if phrase in phrases:
            return Manual(task, reason_of(remarks))
    if phrases & STALE and not step.reads:
        return Unsure(0.0 if pause <= policy.pause(0) else pause)
    return Rejected(reason_of(remarks))


def judge_item(remark: Remark) -> Confirmed | Unsure | Rejected:
    """Decide what a remark about one candidate inside an accepted call means for that candidate."""
    if remark.phrase is Phrase.ALREADY_ADDED:
        return Confirmed()
    if remark.phrase is Phrase.USER_NOT_FOUND:
        return Unsure(0.0)
    return Rejected(reason_of((remark,)))


SENTENCES: dict[Phrase, str] = {
    Phrase.IN_TRASH: "The candidate was deleted in Cirrus and lies in its trash can; an administrator must restore it.",
    Phrase.USERNAME_TAKEN: "Another user in Cirrus already has this user name.",
    Phrase.WINDOW_TOO_SHORT: "The exam's window is shorter than its duration with extra time.",
    Phrase.INVALID_ID: "Cirrus does not accept the form of this id.",
    Phrase.INVALID_FIELD: "Cirrus does not accept one of the values.",
    Phrase.ASSESSMENT_UNUSABLE: "The assessment does not exist in Cirrus or is not published yet.",
    Phrase.HIERARCHY_MISSING: "The hierarchy that the exam belongs to does not exist in Cirrus.",
    Phrase.CANNOT_DELETE: "Cirrus does not delete this.",
    Phrase.FINISHED: "The exam is over.",
    Phrase.ARCHIVED: "The schedule is archived in Cirrus.",
}
"""What the exam office reads for each phrase; for the others, Cirrus' own words."""


def reason_of(remarks: tuple[Remark, ...]) -> Reason:
    """Say in one reason what one or more remarks of Cirrus mean."""
    if not remarks:
        return Reason("unknown", "Cirrus refused without a reason.")
    first = remarks[0]
    sentence = SENTENCES.get(first.phrase)
    said = " | ".join(remark.text for remark in remarks)[:500]
    text = f"{sentence} Cirrus says: {said}" if sentence else f"Cirrus says: {said}"
    return Reason(first.phrase.value, text)
