import pytest

from extproc.config.errors import ConfigError, Problem, dotted


def test_a_problem_reads_place_then_text() -> None:
    assert str(Problem("sidecar.workers", "must be at least 1")) == "sidecar.workers: must be at least 1"


def test_a_problem_of_the_whole_file_has_no_place() -> None:
    assert str(Problem("", "the file is empty")) == "the file is empty"


def test_an_error_reports_all_problems_one_per_line() -> None:
    """Nobody should have to mend a file one run at a time."""
    error = ConfigError([Problem("a", "is wrong"), Problem("b[0]", "is required")])

    assert str(error) == "a: is wrong\nb[0]: is required"


@pytest.mark.parametrize(
    ("steps", "place"),
    [
        ((), ""),
        (("sidecar",), "sidecar"),
        (("model_providers", 0, "retry_policy", "max_ms"), "model_providers[0].retry_policy.max_ms"),
        (("model_aliases", "gpt-4.1", "target"), 'model_aliases["gpt-4.1"].target'),
        (("model_providers", 0, "access_key:sk-abc"), "model_providers[0][?]"),
        (("headers", "Bearer sk-abc"), "headers[?]"),
        (("headers", "a" * 65), "headers[?]"),
        (("headers", ""), "headers[?]"),
    ],
)
def test_a_place_is_written_as_in_a_program_and_shows_only_names(steps: tuple[str | int, ...], place: str) -> None:
    """A forgotten space makes a key and its secret one long key of a map: that is no name."""
    assert dotted(steps) == place
