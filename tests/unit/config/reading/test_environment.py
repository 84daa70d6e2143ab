import pytest
import yaml
from support.config.files import a_file, a_provider, gateway, problems

from extproc.config.errors import ConfigError
from extproc.config.gateway import RetryBudget
from extproc.config.reading.environment import Expansion, FromEnvironment
from extproc.policy.target import Api

ENVIRON = {"NAME": "value", "EMPTY": "", "PORT": "8080", "YAML": "x: [1, 2]"}


def expanded(text: str) -> object:
    """Return what *text* expands to."""
    expansion = Expansion(ENVIRON)
    value = expansion.expand(text)
    assert expansion.problems == []
    return value


def refused(value: object) -> list[str]:
    """Return the problems of expanding *value*."""
    expansion = Expansion(ENVIRON)
    expansion.expand(value, ("here",))
    return [str(problem) for problem in expansion.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no reference", "no reference"),
        ("$NAME", "value"),
        ("${NAME}", "value"),
        ("${NAME:=default}", "value"),
        ("${UNSET:=default}", "default"),
        ("${EMPTY:=default}", "default"),
        ("${UNSET:=}", ""),
        ("$EMPTY", ""),
        ("http://${NAME}:${PORT}/v1", "http://value:8080/v1"),
        ("${UNSET:=http://localhost:1}/v1", "http://localhost:1/v1"),
        ("a$$b", "a$b"),
        ("$$NAME", "$NAME"),
        ("$${NAME}", "${NAME}"),
        ("$YAML", "x: [1, 2]"),
    ],
)
def test_references_are_replaced_in_values(text: str, value: str) -> None:
    """`$NAME` is a whole value; the forms with braces may stand inside a text; `$$` is a dollar sign."""
    assert expanded(text) == value


def test_what_came_from_the_environment_is_marked() -> None:
    """Only such a text may stand for a number."""
    assert type(expanded("$PORT")) is FromEnvironment
    assert type(expanded("8080")) is str


def test_an_unset_variable_is_named_with_its_place() -> None:
    assert refused("$UNSET") == ["here: the environment variable UNSET is not set"]
    assert refused("${UNSET}/${NAME}") == ["here: the environment variable UNSET is not set"]


@pytest.mark.parametrize(
    "text", ["Bearer $NAME", "a$b", "$1", "$", "${}", "${NA-ME}", "${NAME", "${NAME:-x}", "$NAME "]
)
def test_a_dollar_that_is_no_reference_is_refused(text: str) -> None:
    """Sent on as it is, `Bearer $TOKEN` would be a silent failure at the provider."""
    assert refused(text) == [
        (
            "here: contains a $ that is not a reference: write ${NAME} or ${NAME:=default} inside a string, "
            "$NAME as a whole value, $$ for a dollar sign"
        )
    ]


def test_keys_are_not_expanded() -> None:
    expansion = Expansion(ENVIRON)

    assert expansion.expand({"$NAME": ["$NAME", 1, None]}) == {"$NAME": ["value", 1, None]}


def test_keys_must_be_texts() -> None:
    """`on:` and `1:` are a truth value and a number to YAML."""
    assert refused({True: "x"}) == ["here: has a key that is not a string; quote it"]


def test_a_value_without_a_meaning_is_refused() -> None:
    """No tag that the YAML loader knows makes such a value; nothing else should either."""
    assert refused({"x": b"bytes"}) == ["here.x: has an unsupported type"]


def test_an_alias_inside_itself_is_refused() -> None:
    assert problems("version: v0.4.0\nlisteners: &x [*x]\n") == [
        "listeners: is nested too deeply, or expands anchors too often"
    ]


def test_a_file_that_explodes_through_aliases_is_refused() -> None:
    """Ten lines can say ten to the ninth values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(ConfigError) as raised:
        Expansion({}).expand(yaml.safe_load("\n".join(lines)))

    assert str(raised.value) == "a4: is nested too deeply, or expands anchors too often"


def test_numbers_and_truth_values_may_come_from_the_environment() -> None:
    """Everything in the environment is text; what the schema wants decides what it means."""
    document = a_file(
        a_provider(default="${DEFAULT:=true}", retry_policy={"backoff": {"apply_to": "global", "jitter": "$JITTER"}}),
        listeners=[{"type": "model", "port": "${PORT:=12000}"}],
        envoy={"retry_budget": {"percent": "$PERCENT"}},
    )
    found = gateway(document, {"PORT": "13000", "PERCENT": "12.5", "JITTER": "False"})

    assert found.listener.port == 13000
    assert found.envoy.retry_budget == RetryBudget(12.5, 10)
    assert found.catalog.defaults[Api.CHAT] == "openai/gpt-4o"


@pytest.mark.parametrize(
    ("place", "document", "text"),
    [
        (
            "sidecar.workers",
            a_file(sidecar={"workers": "$X"}),
            "expected an integer, but the environment variable holds something else",
        ),
        (
            "envoy.retry_budget.percent",
            a_file(envoy={"retry_budget": {"percent": "$X"}}),
            "expected a number, but the environment variable holds something else",
        ),
        (
            "model_providers[0].default",
            a_file(a_provider(default="$X")),
            "expected true or false, but the environment variable holds something else",
        ),
    ],
)
def test_a_variable_that_does_not_fit_is_reported_without_its_value(
    place: str, document: dict[str, object], text: str
) -> None:
    assert problems(document, {"X": "sk-secret"}) == [f"{place}: {text}"]


def test_a_quoted_number_of_the_file_is_no_number() -> None:
    assert problems(a_file(sidecar={"workers": "2"})) == ["sidecar.workers: expected an integer"]


def test_an_unset_variable_is_the_only_problem_of_its_place() -> None:
    """That the value is missing as well is not worth a second line."""
    assert problems(a_file(a_provider("$MODEL", access_keys=["$ONE", "$TWO"])), {"TWO": "k"}) == [
        "model_providers[0].model: the environment variable MODEL is not set",
        "model_providers[0].access_keys[0]: the environment variable ONE is not set",
    ]
