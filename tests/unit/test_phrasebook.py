"""Tests of the phrasebook: one row per documented error text and number of Cirrus, and how they are found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.cirrus.phrasebook import CODES, read_remark, read_remarks
from adapter.domain.answers import Phrase, Remark

TEXTS = [
    # 0 and 0.1: access and settings
    ("Not allowed to use external API", Phrase.SETUP),
    ("Scheduler hasn't been set in External API settings", Phrase.SETUP),
    ("Scheduler hasn\u2019t been set in External API settings", Phrase.SETUP),
    ("Selected scheduler no longer has permission to create, update and delete schedules", Phrase.SETUP),
    ("Assessment creator hasn't been set in External API settings", Phrase.SETUP),
    ("Selected assessment owner no longer has permission to create assessments", Phrase.SETUP),
    ("Owner does not exist", Phrase.SETUP),
    ("Collection owner not found", Phrase.SETUP),
    ("Collection owner is not set", Phrase.SETUP),
    ("Owner does not have permission to view collections", Phrase.SETUP),
    # 1: users
    ("Unknown error", Phrase.UNKNOWN),
    ("User not found", Phrase.USER_NOT_FOUND),
    ("User with ExternalId [c1] is not found.", Phrase.USER_NOT_FOUND),
    ("Current user can not be deleted with external api", Phrase.CANNOT_DELETE),
    ("User [c1] is in the Trash can", Phrase.IN_TRASH),
    ("User with external id [c1] has been deleted", Phrase.IN_TRASH),
    ("UserName [c1] is already in use", Phrase.USERNAME_TAKEN),
    ("User name must be unique", Phrase.USERNAME_TAKEN),
    ("User with ExternalId [c1] already exists", Phrase.ALREADY_EXISTS),
    ("Role not found", Phrase.INVALID_FIELD),
    ("Email is not valid", Phrase.INVALID_FIELD),
    ("Invalid email", Phrase.INVALID_FIELD),
    ("'LastName' should not be empty", Phrase.INVALID_FIELD),
    # 2: groups
    ("Request body is null or empty", Phrase.INVALID_FIELD),
    ("External id is null or empty", Phrase.INVALID_ID),
    ("External id should be alpha-numeric(a-z 0-9)", Phrase.INVALID_ID),
    ("ExternalId is longer than 500", Phrase.INVALID_ID),
    ("Parent group with ExternalId [g1] is not found", Phrase.HIERARCHY_MISSING),
    ("Group with ExternalId [NewGroup] is not found.", Phrase.HIERARCHY_MISSING),
    ("Group or its children are used", Phrase.CANNOT_DELETE),
    # 3: collections
    ("Collection with externalId [ColExt12345] is not found.", Phrase.UNKNOWN),
    ("Collection contains items used in assessments", Phrase.CANNOT_DELETE),
    ("CollectionRole not found", Phrase.INVALID_FIELD),
    # 4: assessments
    ("Assessment info is not valid", Phrase.INVALID_FIELD),
    ("Assessment must be published", Phrase.ASSESSMENT_UNUSABLE),
    ("Assessment [A1] is not published", Phrase.ASSESSMENT_UNUSABLE),
    ("Assessment [A1] isn\u2019t published", Phrase.ASSESSMENT_UNUSABLE),
    ("Assessment with external id [A1] does not exist", Phrase.ASSESSMENT_UNUSABLE),
    ("Assessment [A1] not found", Phrase.ASSESSMENT_UNUSABLE),
    ("Assessment [A1] has been deleted", Phrase.ASSESSMENT_UNUSABLE),
    ("Condition not met for 'Purpose'", Phrase.INVALID_FIELD),
    ("External id [A1] is already in use", Phrase.ALREADY_EXISTS),
    ("'External Id' should not be empty", Phrase.INVALID_ID),
    ("'Title' should not be empty", Phrase.INVALID_FIELD),
    ("Can't update published assessment", Phrase.UNKNOWN),
    ("Update fields are not specified", Phrase.INVALID_FIELD),
    ("Assessment has already been shared with this user!", Phrase.ALREADY_ADDED),
    ("Owner can not be deleted from assessment", Phrase.CANNOT_DELETE),
    ("Internal error", Phrase.UNKNOWN),
    # 5: schedules
    ("Schedule with ScheduleExtId [888991] already exists", Phrase.ALREADY_EXISTS),
    ("Schedule external id must be unique", Phrase.ALREADY_EXISTS),
    ("Bad request", Phrase.UNKNOWN),
    ("Schedule not found", Phrase.NOT_FOUND),
    ("Schedule with ExternalId [S-1] is not found", Phrase.NOT_FOUND),
    ("No schedule was found", Phrase.NOT_FOUND),
    ("Can't update activated schedule", Phrase.FROZEN),
    ("Can\u2019t  update\nactivated schedule", Phrase.FROZEN),
    ("Cannot update an already activated schedule", Phrase.FROZEN),
    ("Can't remove candidates from activated schedule", Phrase.FROZEN),
    ("Schedule is already activated", Phrase.ALREADY_ACTIVATED),
    ("Schedule [S-1] has already been activated", Phrase.ALREADY_ACTIVATED),
    ("Can't activate schedule (invalid information)", Phrase.INVALID_FIELD),
    ("Can't delete schedule", Phrase.CANNOT_DELETE),
    ("Invalid input data (all fields are empty)", Phrase.INVALID_FIELD),
    ("No external ids specified", Phrase.INVALID_ID),
    ("No users found by external ids", Phrase.USER_NOT_FOUND),
    ("The schedule window is shorter than the duration of the assessment", Phrase.WINDOW_TOO_SHORT),
    ("End date must be later than start date plus duration and extra time", Phrase.WINDOW_TOO_SHORT),
    ("Schedule period is too short", Phrase.WINDOW_TOO_SHORT),
    ("Schedule is archived", Phrase.ARCHIVED),
    ("Schedule is finished", Phrase.FINISHED),
    ("User does not have permissions to be invigilator", Phrase.UNKNOWN),
    ("Filter.Users is empty", Phrase.INVALID_FIELD),
    ("PIN is too long", Phrase.INVALID_FIELD),
    ("Candidate has already been added to schedule", Phrase.ALREADY_ADDED),
    # 6: attempts
    ("User [c1] has not been added to schedule", Phrase.USER_NOT_FOUND),
    ("Schedule is not activated", Phrase.NOT_ACTIVATED),
    ("Schedule has not yet begun", Phrase.NOT_BEGUN),
    ("Schedule has not started yet", Phrase.NOT_BEGUN),
    # 8, 9 and the web server
    ("Candidate result already in this review session", Phrase.ALREADY_ADDED),
    ("Published candidate result not found", Phrase.NO_RESULT),
    ("Results are not found", Phrase.NO_RESULT),
    ("There are no results", Phrase.NO_RESULT),
    ("The daily limit of calls to [results] has been exceeded", Phrase.OVER_LIMIT),
    ("Too many requests", Phrase.OVER_LIMIT),
    ("The title exceeds the limit", Phrase.INVALID_FIELD),
    ("Url not found", Phrase.UNKNOWN),
    ("No HTTP resource was found that matches the request URI", Phrase.UNKNOWN),
    ("something nobody has seen before", Phrase.UNKNOWN),
    ("", Phrase.UNKNOWN),
]

NUMBERS = {
    100: Phrase.INVALID_FIELD,
    102: Phrase.UNKNOWN,
    200: Phrase.INVALID_ID,
    201: Phrase.INVALID_ID,
    202: Phrase.USER_NOT_FOUND,
    203: Phrase.USER_NOT_FOUND,
    216: Phrase.INVALID_FIELD,
    260: Phrase.CANNOT_DELETE,
    300: Phrase.INVALID_ID,
    301: Phrase.NOT_FOUND,
    302: Phrase.ARCHIVED,
    303: Phrase.NOT_ACTIVATED,
    305: Phrase.FINISHED,
    310: Phrase.NOT_BEGUN,
    318: Phrase.UNKNOWN,
    319: Phrase.UNKNOWN,
    801: Phrase.NOT_FOUND,
    802: Phrase.INVALID_ID,
    804: Phrase.INVALID_FIELD,
    805: Phrase.INVALID_FIELD,
    806: Phrase.SETUP,
    807: Phrase.SETUP,
    808: Phrase.SETUP,
    810: Phrase.ALREADY_EXISTS,
    900: Phrase.INVALID_FIELD,
    901: Phrase.INVALID_FIELD,
    902: Phrase.INVALID_FIELD,
    1100: Phrase.INVALID_ID,
    1101: Phrase.NOT_FOUND,
    1103: Phrase.UNKNOWN,
    1126: Phrase.NO_RESULT,
    1127: Phrase.ALREADY_ADDED,
    1128: Phrase.ALREADY_ADDED,
    1129: Phrase.NOT_FOUND,
    1130: Phrase.CANNOT_DELETE,
    1131: Phrase.CANNOT_DELETE,
}


@pytest.mark.parametrize(("text", "phrase"), TEXTS)
def test_each_documented_text_has_its_phrase(text: str, phrase: Phrase) -> None:
    """Whatever the case of its letters."""
    assert read_remark(text).phrase is phrase
    assert read_remark(text.upper()).phrase is phrase


@pytest.mark.parametrize(("code", "phrase"), NUMBERS.items())
def test_each_documented_number_has_its_phrase(code: int, phrase: Phrase) -> None:
    """Section 10; as a number, as text, in an object, and before a text."""
    assert read_remarks({"Errors": code})[0].phrase is phrase
    assert read_remarks({"Errors": str(code)})[0].phrase is phrase
    assert read_remarks({"Errors": [{"Code": code}]})[0].phrase is phrase
    assert read_remarks({"Errors": {"Code": str(code), "Error": "x"}})[0].phrase is phrase
    assert read_remark(f"{code}: x") == Remark(phrase, "x", code)


def test_no_number_is_without_its_row() -> None:
    """The table of this test is the table of section 10."""
    assert NUMBERS.keys() == CODES.keys()


def test_every_phrase_is_found_by_some_text() -> None:
    """A phrase that nothing leads to would be a promise of the domain that nobody keeps."""
    assert {phrase for _, phrase in TEXTS} == set(Phrase)


USER_GONE = Remark(Phrase.USER_NOT_FOUND, "User not found", 202, ("c1",))
ARCHIVED = Remark(Phrase.ARCHIVED, "Schedule is archived")
FROZEN = Remark(Phrase.FROZEN, "Can't update activated schedule")


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (None, ()),
        ({}, ()),
        ({"Success": True, "Errors": None}, ()),
        ({"Errors": []}, ()),
        ({"Errors": ""}, ()),
        ({"Errors": False}, ()),
        ({"Errors": "Schedule is archived"}, (ARCHIVED,)),
        ({"errors": "Schedule is archived"}, (ARCHIVED,)),
        ({"Errors": ["Schedule is archived", "Can\u2019t update activated schedule"]}, (ARCHIVED, FROZEN)),
        ({"Errors": "Schedule is archived|Can't update activated schedule | "}, (ARCHIVED, FROZEN)),
        ({"Message": "Schedule is archived | Can't update activated schedule"}, (ARCHIVED, FROZEN)),
        ({"Errors": [{"UserExtId": "c1", "Code": 202, "Error": "User not found"}]}, (USER_GONE,)),
        ({"Errors": {"Code": 202, "Error": "User not found", "UserExtId": "c1"}}, (USER_GONE,)),
        ({"Content": {"Errors": [{"CandidateExtId": "c1", "Code": "202", "Error": "User not found"}]}}, (USER_GONE,)),
        ({"Content": {"Errors": [{"UserName": "u", "Reason": "Schedule is archived"}]}}, (ARCHIVED,)),
        ({"Content": ["Errors"]}, ()),
        ({"Errors": {"Schedule": ["Schedule is archived"]}}, (ARCHIVED,)),
        (
            {"Message": "Bad request", "ModelState": {"a": ["Schedule is archived"]}},
            (read_remark("Bad request"), ARCHIVED),
        ),
        ({"Errors": "Schedule is archived", "Message": "Schedule is archived"}, (ARCHIVED, ARCHIVED)),
        ("Schedule is archived", (ARCHIVED,)),
        (["Schedule is archived"], (ARCHIVED,)),
        ({"Errors": [[[[["Schedule is archived"]]]]]}, ()),
    ],
)
def test_remarks_are_found_wherever_cirrus_puts_them(payload: object, expected: tuple[Remark, ...]) -> None:
    """`Errors` in all its shapes, `Message`, and `Content.Errors`."""
    assert read_remarks(payload) == expected


def test_ids_in_brackets_are_what_a_remark_is_about() -> None:
    """They do not count for the wording, so an id that contains a phrase misleads nobody."""
    remark = read_remark("Schedule [already-activated] is not found for [c1]")
    assert (remark.phrase, remark.about) == (Phrase.NOT_FOUND, ("already-activated", "c1"))


def test_a_text_about_many_people_is_read_to_its_end() -> None:
    """As many as a call names at most, with the longest ids: each is known, and so is what is said of them."""
    names = tuple(f"{number:060d}" for number in range(500))
    remark = read_remark(f"Users {', '.join(f'[{name}]' for name in names)} are not found")
    assert (remark.phrase, remark.about) == (Phrase.USER_NOT_FOUND, names)


def test_a_number_that_says_nothing_leaves_the_word_to_the_text() -> None:
    """102 is "unknown error": its text may know more."""
    assert read_remark("User [c1] is in the trash can", 102).phrase is Phrase.IN_TRASH


def test_mail_addresses_links_and_long_texts_are_not_handed_on() -> None:
    """A remark goes into journals and events."""
    remark = read_remark(
        "User [ada@example.org] ada@example.org opened https://x.example/a?session=f0 or /delivery/login?session=f0 "
        + "x" * 1000
    )
    assert remark.about == ("***",)
    assert "ada" not in repr(remark)
    assert "session" not in repr(remark)
    assert len(remark.text) == 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["Errors", "Code", "Error", "Message"]), inner),
)


@given(payload=JSON, content=JSON)
def test_reading_remarks_never_fails(payload: object, content: object) -> None:
    """Whatever JSON comes, remarks come out of it."""
    for value in (payload, {"Errors": payload, "Content": {"Errors": content}, "Message": content}):
        assert all(isinstance(remark, Remark) for remark in read_remarks(value))
