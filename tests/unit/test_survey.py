"""The survey of a tenant's Cirrus: each thing is asked for once, patiently, and what was read may be kept."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from cryptography.fernet import Fernet

from adapter.cli.answers import AnswerFile
from adapter.cli.survey import TRIES, Survey
from adapter.domain.answers import Absent, Accepted, Answer, CandidateSeen, Failing, Forbidden, ScheduleSeen, Unsendable
from adapter.domain.pace import Limits
from adapter.domain.policy import Policy
from adapter.domain.steps import ReadCandidate, ReadSchedule
from adapter.flow.own_pace import OwnPace
from adapter.flow.pacing import Pacer
from adapter.ledger.sealing import Seal
from tests.unit.builders import START, TENANT
from tests.unit.flow_kit import Exam

ADA = CandidateSeen("s1", "Ada", "Lovelace", "ada@uni.example", 25, False, frozenset({"UNI"}))
EXAM = ScheduleSeen("o1", "Exam", START, START + timedelta(hours=3), True, False, frozenset({"s1", "s2"}))


def survey(kept: AnswerFile, *answers: Answer) -> tuple[Survey, Exam, list[float]]:
    """Return a survey of a Cirrus that answers so, the Cirrus, and the seconds that were waited."""
    exam, waited = Exam(list(answers)), list[float]()
    pacer = Pacer(TENANT, Limits(), OwnPace(lambda: 0.0), lambda: 0.0)
    return Survey(TENANT, exam, Policy(), pacer, waited.append, lambda: None, kept), exam, waited


@pytest.fixture
def nothing() -> AnswerFile:
    """Lend a file that keeps nothing."""
    return AnswerFile(None, Seal())


def test_each_thing_is_read_once(nothing: AnswerFile) -> None:
    """However often it is looked at, there is one call."""
    looking, exam, _ = survey(nothing, Accepted(EXAM), Accepted(Absent()))
    assert (looking.schedule("o1"), looking.schedule("o1"), looking.candidate("s9")) == (EXAM, EXAM, None)
    assert exam.performed == [ReadSchedule("o1"), ReadCandidate("s9")]


def test_a_cirrus_that_stumbles_is_asked_again(nothing: AnswerFile) -> None:
    """The pauses grow; after a few tries the survey ends, to be begun again later."""
    looking, _, waited = survey(nothing, Failing(502), Failing(502), Accepted(ADA))
    assert (looking.candidate("s1"), waited) == (ADA, [1.0, 2.0])
    looking, exam, _ = survey(nothing, *[Failing(503)] * TRIES)
    with pytest.raises(typer.Exit) as ended:
        looking.candidate("s1")
    assert (ended.value.exit_code, len(exam.performed)) == (4, TRIES)


def test_a_refused_token_ends_the_survey_at_once(nothing: AnswerFile, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else could be read either."""
    looking, exam, _ = survey(nothing, Forbidden(403))
    with pytest.raises(typer.Exit):
        looking.schedule("o1")
    assert len(exam.performed) == 1
    assert "Cirrus lets nobody read (auth)" in capsys.readouterr().err


def test_what_cannot_be_asked_for_is_an_answer_too(nothing: AnswerFile) -> None:
    """One id that Cirrus would not take does not end the survey of the others."""
    no = Unsendable("\u00e9", "letters and digits")
    looking, _, _ = survey(nothing, no)
    assert (looking.look(ReadCandidate("\u00e9")), looking.candidate("\u00e9")) == (no, None)


@pytest.mark.parametrize("sealed", [False, True])
def test_a_survey_goes_on_where_another_one_ended(tmp_path: Path, sealed: bool) -> None:
    """What was read is not read again; only its owner may look, and with a key nobody else can."""
    seal, path = Seal((Fernet.generate_key().decode(),)) if sealed else Seal(), tmp_path / "survey.ndjson"
    first = AnswerFile(path, seal)
    looking, _, _ = survey(first, Accepted(EXAM), Accepted(ADA), Accepted(Absent()))
    assert (looking.schedule("o1"), looking.candidate("s1"), looking.candidate("s2")) == (EXAM, ADA, None)
    first.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (b"Lovelace" in path.read_bytes()) is not sealed
    with path.open("ab") as file:
        file.write(b"[half a li")

    second = AnswerFile(path, seal)
    looking, exam, _ = survey(second)
    assert (looking.schedule("o1"), looking.candidate("s1"), looking.candidate("s2")) == (EXAM, ADA, None)
    assert exam.performed == []
    second.close()
