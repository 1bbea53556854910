"""Settings that are refused: the exact line for everything that can be wrong."""

from pathlib import Path

import pytest

from tests.unit.settings_kit import BASE, TENANT, UNI, refused, without, written

KEYS_OF_INTAKE = (
    "the keys here are future_tolerance_s, brake_fewest, brake_share, brake_window_s, brake_pause_s, brake_longest_s"
)
ELSE = "remove it, or see the reference of settings for its name"
MODES = "it must be 'at_once' or 'before_start'"
TOKEN = "set token_file to the name of a file that holds it, or token itself"
NO_TENANT = (
    "tenants: no tenant is configured; add [tenants.<slug>] with name, region or base_url, token_file and"
    " mapping.default_hierarchy; see config/adapter.example.toml"
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("extra", "line"),
    [
        ("[broker]\nprefech = 5", "broker.prefech: there is no such setting; did you mean prefetch?"),
        ("[intake]\nxyz = 5", f"intake.xyz: there is no such setting; {KEYS_OF_INTAKE}"),
        ("[intake]\nbrake_longest_s = 30", "intake.brake_longest_s: it is shorter than brake_pause_s; make it longer"),
        ("[brokr]\nurl = 'x'", "brokr: there is no such setting; did you mean broker?"),
        ("[broker]\nprefetch = 'many'", "broker.prefetch: it is not a whole number; correct it in the file"),
        ("[broker]\nprefetch = 0", "broker.prefetch: it must be at least 1; correct it in the file"),
        ("[broker]\nheartbeat_s = inf", "broker.heartbeat_s: it is not a number; correct it in the file"),
        ("[broker]\nbindings = 'x'", "broker.bindings: it is not a list; correct it in the file"),
        ("broker = 3", "broker: it is not a table; correct it in the file"),
        ("[observe]\nport = 70000", "observe.port: it must be at most 65535; correct it in the file"),
        (
            "[observe]\nlog_level = 'loud'",
            "observe.log_level: it must be 'debug', 'info', 'warning' or 'error'; correct it in the file",
        ),
        (
            "[ledger]\nurl = 'mysql://u:pw@h/d'",
            "ledger.url: it is neither SQLite nor PostgreSQL; begin with sqlite:/// or postgresql+psycopg://",
        ),
        (
            "[ledger]\nseal_key = 'short'",
            "ledger.seal_key: it is not 32 bytes in base64; make one with: cirrus-adapter ledger new-key",
        ),
        (
            "[ledger]\nseal_key_file = 'nowhere'",
            "ledger.seal_key_file: cannot read nowhere: No such file or directory; name a file that this user may read",
        ),
        (
            "[broker]\ndead_letter_queue = 'cirrus-adapter.intake'",
            "broker.intake_queue: two of the queues have the same name; name each queue differently",
        ),
        (
            "[broker]\noutcomes_exchange = 'sis.events'",
            (
                "broker.outcomes_exchange: two of the four exchanges have the same name;"
                " name four exchanges, or outcomes come back as events"
            ),
        ),
        (
            "[broker]\nurgent_queue = 'cirrus-adapter.intake'",
            "broker.intake_queue: two of the queues have the same name; name each queue differently",
        ),
    ],
)
def test_each_wrong_key_of_the_machinery_has_its_line(extra: str, line: str) -> None:
    """A key, what is wrong with it and what to do, in one line."""
    top_level_first = f"{extra}\n{TENANT}"

    assert refused(written(top_level_first), {}) == [line]


@pytest.mark.parametrize(
    ("extra", "line"),
    [
        ({"REGION": "eu", "BASE_URL": "https://api.cirrus.example"}, "region and base_url are both set"),
        ({"REGION": None}, "neither region nor base_url is set"),
    ],
)
def test_a_tenant_is_in_exactly_one_place(extra: dict[str, str | None], line: str) -> None:
    """Region and address say the same, so one of them is given."""
    environ = {key: value for key, value in {**BASE, **{UNI + k: v for k, v in extra.items()}}.items() if value}

    assert refused(None, environ) == [f"tenants.uni.region: {line}; set exactly one of them"]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://api.cirrus.example", "the token would travel unencrypted"),
        ("http://localhost.example", "the token would travel unencrypted"),
        ("ftp://api.cirrus.example", "the token would travel unencrypted"),
        ("api.cirrus.example", "it is not an address"),
        ("https://", "it is not an address"),
        ("https://api.cirrus.example:x", "it is not an address"),
        ("https://api cirrus.example", "it is not an address"),
        ("https://user:pw@api.cirrus.example", "it holds more than scheme, host, port and path"),
        ("https://api.cirrus.example/?a=1", "it holds more than scheme, host, port and path"),
    ],
)
def test_the_token_goes_to_no_doubtful_address(url: str, problem: str) -> None:
    """Plain http is for this machine alone, and an address is nothing but an address."""
    (line,) = refused(None, {**without("REGION"), f"{UNI}BASE_URL": url})

    assert line.startswith(f"tenants.uni.base_url: {problem}; ")
    assert "pw" not in line


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("CIRRUS_ADAPTER_BROKR__URL", "x", "there is no such setting; did you mean CIRRUS_ADAPTER_BROKER__URL?"),
        (f"{UNI}CONCURENCY", "3", f"there is no such setting; did you mean {UNI}CONCURRENCY?"),
        (
            "CIRRUS_ADAPTER_XYZ",
            "3",
            "there is no such setting; remove it, or see the reference of settings for its name",
        ),
        ("CIRRUS_ADAPTER_BROKER__BINDINGS", "[", "it is not JSON; give the list or table as JSON"),
    ],
)
def test_each_variable_that_is_not_understood_has_its_line(name: str, value: str, line: str) -> None:
    """An unknown variable is refused like an unknown key."""
    assert refused(None, {**BASE, name: value}) == [f"{name}: {line}"]


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("CONCURRENCY", "many", f"concurrency: it is not a whole number; correct {UNI}CONCURRENCY"),
        ("CONCURRENCY", "65", f"concurrency: it must be at most 64; correct {UNI}CONCURRENCY"),
        ("UPSERT", "perhaps", f"upsert: it is neither true nor false; correct {UNI}UPSERT"),
        (
            "POLICY__MODES",
            '{"A*": "never"}',
            f"policy.modes.A*: {MODES}; correct {UNI}POLICY__MODES",
        ),
        ("REGION", "mars", "region: 'mars' is not a region; use one of eu, eu-premium, eu-rc, ca, sg"),
        ("ZONE", "Europe/Nowhere", "zone: there is no such time zone; give an IANA name such as Europe/Amsterdam"),
        (
            "TOKEN",
            "EAPI abc",
            "token: it begins with the word EAPI; give the token alone; ",
        ),
        ("TOKEN", "a b", "token: it has characters that no token has; copy it again from Cirrus"),
        ("TOKEN", " ", "token: it is empty; give the secret, or leave the key out"),
        (
            "POLICY__ACTIVATE_BEFORE_H",
            "0.25",
            (
                "policy.activate_before_h: it does not exceed preparation_min (20);"
                " activate earlier, or Cirrus freezes the exam before its candidates see it"
            ),
        ),
        ("POLICY__HALT_LONGEST_S", "20", "policy.halt_longest_s: it is shorter than halt_probe_s; make it longer"),
        ("POLICY__RETRY_LONGEST_S", "0.5", "policy.retry_longest_s: it is shorter than retry_first_s; make it longer"),
        (
            "MAPPING__ASSESSMENTS",
            '{"LAW101": "LAW+101"}',
            (
                "mapping.assessments.LAW101: the id 'LAW+101' has characters that Cirrus does not accept;"
                " it accepts letters, digits and dashes; give the external id as it stands in Cirrus"
            ),
        ),
        ("PATHS", '{"read_candidate": "/user"}', "paths.read_candidate: "),
        ("PATHS", '{"read_people": "/user"}', "paths.read_people: there is no such operation; "),
    ],
)
def test_each_wrong_key_of_a_tenant_has_its_line(key: str, value: str, line: str) -> None:
    """The line names the tenant by its slug, and the variable where that is what has to be corrected."""
    (said,) = refused(None, {**BASE, UNI + key: value})

    assert said.startswith(f"tenants.uni.{line}")


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        ("NAME", f"tenants.uni.name: it is missing; set name in the file, or {UNI}NAME"),
        (
            "TOKEN",
            "tenants.uni.token: it is missing; set token_file to the name of a file that holds it, or token itself",
        ),
        (
            "MAPPING__DEFAULT_HIERARCHY__ID",
            (
                "tenants.uni.mapping.default_hierarchy.id: it is missing; set id in the file, or"
                f" {UNI}MAPPING__DEFAULT_HIERARCHY__ID"
            ),
        ),
    ],
)
def test_what_a_tenant_lacks_is_named(missing: str, line: str) -> None:
    """There is no default for what only the institution can know."""
    assert refused(None, without(missing)) == [line]


def test_a_missing_table_is_named() -> None:
    """The whole mapping may be forgotten."""
    file = written(TENANT.partition("[tenants.uni.mapping]")[0])

    assert refused(file, {}) == ["tenants.uni.mapping: it is missing; add the table [tenants.uni.mapping]"]


def test_without_a_tenant_it_says_what_to_set() -> None:
    """There is nobody to work for, so nothing starts."""
    assert refused(None, {}) == [NO_TENANT]
    assert refused(written("[tenants]"), {}) == [NO_TENANT]
    assert refused(written("[tenants]\n[intake]\nxyz = 1"), {}) == [
        f"intake.xyz: there is no such setting; {KEYS_OF_INTAKE}",
        NO_TENANT,
    ]


def test_a_slug_is_one_that_a_variable_can_spell() -> None:
    """Capitals and dashes have no form as a variable."""
    assert refused(written(TENANT.replace("tenants.uni", 'tenants."Uni-1"')), {}) == [
        "tenants.Uni-1: it cannot be a tenant's slug; use small letters, digits and single underscores"
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot read token: No such file or directory; name a file that this user may read"),
        (b"  \n", "token is empty; write the secret into it"),
        (b"\xff\xfe", "token is not text; write the secret as UTF-8 text"),
        (b"x" * 5000, "token has more than 4096 bytes; write the secret alone into the file"),
    ],
)
def test_a_bad_token_file_has_its_line(content: bytes | None, problem: str) -> None:
    """What a secret's file holds is never shown, only what is wrong with it."""
    if content is not None:
        Path("token").write_bytes(content)

    assert refused(None, {**without("TOKEN"), f"{UNI}TOKEN_FILE": "token"}) == [f"tenants.uni.token_file: {problem}"]


def test_a_secret_stands_in_one_place() -> None:
    """With a token here and another in a file nobody could say whose data is touched."""
    assert refused(None, {**BASE, f"{UNI}TOKEN_FILE": "token"}) == [
        "tenants.uni.token: token and token_file are both set; keep one of them"
    ]


def test_two_tenants_share_neither_name_nor_token() -> None:
    """One name would mix their events up, one token their exams."""
    file = written(TENANT + TENANT.replace("tenants.uni", "tenants.other"))

    assert refused(file, {}) == [
        "tenants.other.name: tenants.uni has the same name; give each tenant a name of its own",
        (
            "tenants.other.token: tenants.uni has the same token;"
            " have Cirrus issue one for each: the token decides whose data is touched"
        ),
    ]


def test_everything_wrong_is_said_at_once() -> None:
    """Nobody has to correct one mistake to hear of the next."""
    file = written(f"[broker]\nprefech = 1\nheartbeat_s = 0\n{TENANT}concurency = 2\n")

    assert [line.partition(":")[0] for line in refused(file, {"CIRRUS_ADAPTER_LEGDER__URL": "x"})] == [
        "CIRRUS_ADAPTER_LEGDER__URL",
        "broker.heartbeat_s",
        "broker.prefech",
        "tenants.uni.mapping.concurency",
    ]
