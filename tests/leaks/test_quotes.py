"""Tests of what is left of Cirrus' own words when they quote a person."""

import pytest

from adapter.domain.answers import Accepted, Answer, Failing, NoAnswer, Phrase, Refused, Remark, Seated
from adapter.domain.quotes import without_people

PEOPLE = ("Zo\u00eb", "van der Berg", "O\u2019Hara & Sons", "z.berg@example.org", "An", "Tedder", "")


def said(text: str) -> str:
    """Return what is left of a text that Cirrus has answered."""
    answer = without_people(Refused(400, (Remark(Phrase.UNKNOWN, text),)), lambda: PEOPLE)
    assert isinstance(answer, Refused)
    return answer.remarks[0].text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("User 'van der Berg' exists", "User '***' exists"),
        ("VAN DER BERG, ZO\u00cb is taken", "***, *** is taken"),
        ("User O'Hara & Sons", "User ***"),
        ("User O&#x27;Hara &amp; Sons", "User ***"),
        ("z.berg@example.org is no address", "*** is no address"),
        ("Answer an [S1] to Anna Bergman", "Answer *** [S1] to Anna Bergman"),
        ("the same user, van der Be", "the same user, ***"),
        ("LastName van der *** is", "LastName *** is"),
        ("the exam was activated", "the exam was activated"),
        ("nothing about anybody", "nothing about anybody"),
    ],
)
def test_who_is_quoted_is_masked(text: str, left: str) -> None:
    """As words of their own, in any case, escaped as in HTML, and also where the text was cut in the middle."""
    assert said(text) == left


def test_each_candidates_own_words_are_masked() -> None:
    """Remarks about single candidates of an accepted call are words of Cirrus, too; ids and codes stay."""
    remark = Remark(Phrase.IN_TRASH, "User Zo\u00eb [S1] is in the trash can", 7, ("S1",))
    answer = without_people(Accepted(Seated({"S2": None}, refused={"S1": remark})), lambda: PEOPLE)
    masked = Remark(Phrase.IN_TRASH, "User *** [S1] is in the trash can", 7, ("S1",))
    assert answer == Accepted(Seated({"S2": None}, refused={"S1": masked}))


@pytest.mark.parametrize("answer", [Accepted(Seated({"S2": None})), NoAnswer(), Failing(500), Refused(400, ())])
def test_nobody_is_asked_for_where_cirrus_says_nothing(answer: Answer) -> None:
    """An answer without words stays as it is, and costs nothing."""

    def people() -> frozenset[str]:
        raise AssertionError

    assert without_people(answer, people) == answer


def test_who_nobody_knows_is_not_masked() -> None:
    """Without anybody to look for the words stay as they are."""
    answer = Refused(400, (Remark(Phrase.UNKNOWN, "User Zo\u00eb"),))
    assert without_people(answer, frozenset) == answer
