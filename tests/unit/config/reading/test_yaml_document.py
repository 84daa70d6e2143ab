import pytest
from support.config.files import problems

from extproc.config.errors import ConfigError
from extproc.config.reading.yaml_document import Document, parse


def refused(text: str) -> str:
    """Return what is said of *text*."""
    with pytest.raises(ConfigError) as raised:
        parse(text)
    return str(raised.value)


def test_anchors_aliases_and_merge_keys_work() -> None:
    text = "common: &common {a: 1, b: 2}\nown: {<<: *common, b: 3}\nagain: *common\n"

    assert parse(text).value == {"common": {"a": 1, "b": 2}, "own": {"a": 1, "b": 3}, "again": {"a": 1, "b": 2}}


def test_a_date_is_a_text() -> None:
    """`x-version: 2023-06-01` is a header's value and nothing else."""
    assert parse("x-version: 2023-06-01").value == {"x-version": "2023-06-01"}


def test_an_empty_text_says_nothing() -> None:
    assert parse("# only a comment\n") == Document(None)


def test_every_duplicate_key_is_reported() -> None:
    """PyYAML itself would silently take the last one."""
    text = "a: 1\nb: {c: 1, c: 2}\na: 2\nd:\n  - {e: 1, e: 2}\n"

    assert [str(problem) for problem in parse(text).duplicates] == [
        "line 3, column 1: duplicate key (first at line 1)",
        "line 2, column 11: duplicate key (first at line 2)",
        "line 5, column 12: duplicate key (first at line 5)",
    ]


def test_a_duplicate_key_is_reported_together_with_everything_else() -> None:
    text = "version: v0.4.0\nversion: v9\nmodel_providers: []\n"

    assert problems(text) == [
        "line 2, column 1: duplicate key (first at line 1)",
        "version: expected one of v0.1, v0.1.0, 0.1-beta, 0.2.0, v0.3.0, v0.4.0",
        "model_providers: needs at least 1 item",
    ]


def test_two_merges_and_an_override_are_not_a_key_twice() -> None:
    text = "a: &a {x: 1}\nb: {<<: *a, <<: {y: 2}, x: 3}"

    assert parse(text) == Document({"a": {"x": 1}, "b": {"x": 3, "y": 2}})


def test_a_second_document_is_refused() -> None:
    assert refused("a: 1\n---\nb: 2\n") == ("line 2, column 1: a second YAML document begins here; only one is allowed")


NO_TOKEN = "not valid YAML: while scanning for the next token, found character"


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("a: b: c", (1, 5), "not valid YAML: mapping values are not allowed here"),
        (
            "a: {",
            (1, 5),
            "not valid YAML: while parsing a flow node, expected the node content, but found '<stream end>'",
        ),
        ("a:\n\t- x", (2, 1), f"{NO_TOKEN} that cannot start any token"),
        ("a: @x", (1, 4), f"{NO_TOKEN} '@' that cannot start any token"),
        ("a: &one 1\nb: *two", (2, 4), "not valid YAML: found undefined alias"),
        ("a: !mine x", (1, 4), "this YAML tag is not supported"),
        ("a: !!timestamp 2023-06-01", (1, 4), "this YAML tag is not supported"),
        ("a: !!python/object:os.system x", (1, 4), "this YAML tag is not supported"),
        ("x: 1\na: !!int many", (2, 4), "not valid YAML: a value that does not match its tag"),
        ("a: !!bool perhaps", (1, 4), "not valid YAML: a value that does not match its tag"),
        ("a: " + "9" * 5000, (1, 4), "not valid YAML: a value that does not match its tag"),
        ("? [a]\n: b", (1, 3), "not valid YAML: while constructing a mapping, found unhashable key"),
        ("a: 1\nb: x\0y", (2, 5), "a control character, which YAML does not allow"),
    ],
)
def test_bad_yaml_is_reported_with_line_and_column(text: str, place: tuple[int, int], said: str) -> None:
    line, column = place

    assert refused(text) == f"line {line}, column {column}: {said}"


def test_a_file_that_is_nested_too_deeply_is_refused() -> None:
    assert refused("a: " + "[" * 5000) == "the file is nested too deeply"


@pytest.mark.parametrize(
    "text",
    [
        "k: *sk-secret",
        "k: !sk-secret x",
        "k: &sk-secret 1\nj: &sk-secret 1\nk: 1",
        "k: 'sk-secret",
        "k: sk-secret: x",
        "- [sk-secret",
        "sk-secret\nk: 1",
        'k: "sk-secret\\q"',
        "%sk-secret",
    ],
)
def test_a_key_in_bad_yaml_is_not_shown(text: str) -> None:
    """PyYAML's own message repeats the line, and sometimes the word."""
    assert "secret" not in refused(text)
