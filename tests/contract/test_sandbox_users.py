"""The sandbox's users (§1)."""

from tests.contract.sandbox_kit import running


def test_a_user_is_shown_with_every_documented_field() -> None:
    """S-USER-GET: envelope E1 with Content.User."""
    with running() as cirrus:
        cirrus.user("u1", Email="u1@example.com", SpecialNeeds=True, ReasonableAdjustmentPercentage=25)
        answer = cirrus.call("GET", "/user/u1").json()
        assert (answer["Success"], answer["Errors"]) == (True, None)
        user = answer["Content"]["User"]
        assert user["UserName"] == "u1"
        assert user["ReasonableAdjustmentPercentage"] == 25
        assert {"Photo", "CountryCode", "DisableLogin", "Labels", "AllowedIpAddresses"} <= user.keys()
        assert user["Hierarchies"] == []


def test_a_membership_is_shown_with_every_right() -> None:
    """S-USER-GET: rights that were not given are shown as withheld; a membership in nothing is refused."""
    with running() as cirrus:
        cirrus.user("u1", Hierarchies=[{"ExternalId": "g1", "IsCoordinator": True}])
        shown = cirrus.call("GET", "/user/u1").json()["Content"]["User"]["Hierarchies"]
        withheld = {"IsAdministrator": False, "HasViewReportsPermissions": False, "HasReScoringPermissions": False}
        assert shown == [{"ExternalId": "g1", "IsCoordinator": True} | withheld]
        assert cirrus.user("u2", Hierarchies=[{"IsCoordinator": True}]).status_code == 400


def test_external_id_and_user_name_are_both_unique() -> None:
    """§1.1: both are unique in Cirrus."""
    with running() as cirrus:
        assert cirrus.user("u1", UserName="login").status_code == 200
        assert cirrus.user("u1", UserName="other").status_code == 400
        assert cirrus.user("u2", UserName="login").status_code == 400


def test_a_deleted_user_blocks_its_id() -> None:
    """§1.4: the trash can keeps the id; only a person restores it."""
    with running() as cirrus:
        cirrus.user("u1")
        assert cirrus.call("DELETE", "/user/u1").json() == {"Success": True, "Errors": None}
        repeat = cirrus.call("DELETE", "/user/u1")
        assert (repeat.status_code, repeat.json()["Errors"][0]["Code"]) == (400, 202)
        assert cirrus.user("u1").status_code == 400
        assert cirrus.user("u2", UserName="u1").status_code == 400
        cirrus.control.ui("restore_user", tenant="alpha", candidate="u1")
        assert cirrus.call("GET", "/user/u1").status_code == 200


def test_the_tokens_own_user_can_not_be_deleted() -> None:
    """§1.4: code 260."""
    with running() as cirrus:
        answer = cirrus.call("DELETE", "/user/eapi")
        assert (answer.status_code, answer.json()["Errors"][0]["Code"]) == (400, 260)


def test_a_patch_changes_only_what_it_holds_and_may_re_key() -> None:
    """§1.2: no field is mandatory, ExternalId in the body re-keys, on schedules too."""
    with running() as cirrus:
        cirrus.user("u1", Email="old@example.com")
        cirrus.draft("S1")
        cirrus.call("PUT", "/external/schedule/S1/candidates", ["u1"])
        assert cirrus.call("PATCH", "/user/u1", {"ExternalId": "u2", "Email": "new@example.com"}).status_code == 200
        user = cirrus.call("GET", "/user/u2").json()["Content"]["User"]
        assert (user["Email"], user["LastName"], user["UserName"]) == ("new@example.com", "L", "u1")
        assert cirrus.call("GET", "/user/u1").status_code == 400
        assert list(cirrus.schedule("S1")["seats"]) == ["u2"]


def test_a_percentage_needs_special_needs() -> None:
    """§1.1: ReasonableAdjustmentPercentage may only be sent with SpecialNeeds=true."""
    with running() as cirrus:
        assert cirrus.user("u1", ReasonableAdjustmentPercentage=20).status_code == 400
        cirrus.user("u1", SpecialNeeds=True, ReasonableAdjustmentPercentage=20)
        assert cirrus.call("PATCH", "/user/u1", {"SpecialNeeds": False}).status_code == 200
        user = cirrus.call("GET", "/user/u1").json()["Content"]["User"]
        assert (user["SpecialNeeds"], user["ReasonableAdjustmentPercentage"]) == (False, None)


def test_ids_have_an_alphabet_and_a_length() -> None:
    """§0: letters, digits and dashes; 64 characters for a user, 50 for a user name."""
    with running() as cirrus:
        assert cirrus.user("a-1").status_code == 200
        for refused in ("a_1", "a 1", "a.1", "é1", "x" * 65, ""):
            assert cirrus.user(refused).status_code == 400
        assert cirrus.user("a2", UserName="x" * 51).status_code == 400


def test_underscores_are_an_option() -> None:
    """§0: the samples use underscores although the rule forbids them."""
    with running(underscore_ids=True) as cirrus:
        assert cirrus.user("a_1").status_code == 200
