"""Values of unknown shape, and their places."""

from __future__ import annotations

import pytest

from extproc.doctor.model.node import Node

ROOT = Node({"a_b": {"c.d/e": [1, {"x": None}]}, "aB": 1, "camelCase": 2})


def test_a_place_is_written_as_in_a_program() -> None:
    item = list(ROOT.at("a_b", "c.d/e").items())[1]

    assert item.at("x").place == 'a_b["c.d/e"][1].x'


def test_what_is_not_there_has_a_place_too() -> None:
    """It is where it would have to be put."""
    node = ROOT.at("nowhere", "deep_down")

    assert (node.place, node.present) == ("nowhere.deep_down", False)


def test_camel_case_is_found_and_told_as_it_stands() -> None:
    """The way that Envoy's documentation writes it comes first."""
    assert (ROOT.at("camel_case").value, ROOT.at("camel_case").place) == (2, "camelCase")
    assert ROOT.at("a_b").place == "a_b"


def test_null_is_the_same_as_absent() -> None:
    assert not Node(None).present
    assert Node({}).present


@pytest.mark.parametrize(
    ("text", "millis"),
    [
        ("1s", 1000),
        ("0.25s", 250),
        ("16.1s", 16_100),
        ("0s", 0),
        ("0.000000001s", 1),
        ("1.5", 7),
        ("-1s", 7),
        (3, 7),
        (None, 7),
        ("", 7),
    ],
)
def test_durations_are_seconds_and_never_rounded_to_nothing(text: object, millis: int) -> None:
    """Zero often means none at all. What is no duration is the default."""
    assert Node(text).millis(7) == millis


@pytest.mark.parametrize(
    ("value", "count"),
    [(5, 5), ("67108864", 67108864), (2.0, 2), (True, 7), ("x", 7), ([], 7), (float("nan"), 7), (10**400, 7)],
)
def test_numbers_may_be_texts(value: object, count: int) -> None:
    assert Node(value).count(7) == count


@pytest.mark.parametrize(("value", "flag"), [(True, True), ("true", True), (False, False), (1, False), (None, False)])
def test_only_true_is_true(value: object, flag: bool) -> None:  # noqa: FBT001 - what is expected
    assert Node(value).flag() is flag


def test_members_have_the_operators_own_names() -> None:
    """Keys that are no texts, which YAML allows, are nothing's."""
    assert [(key, node.place) for key, node in Node({"a.b": 1, 2: 3}, ("t",)).members()] == [("a.b", 't["a.b"]')]


def test_what_is_no_container_holds_nothing() -> None:
    assert list(Node("text").items()) == []
    assert list(Node([1]).members()) == []
    assert Node(3).texts() == ()
