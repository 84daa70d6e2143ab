import json
from dataclasses import replace

from clients.catalog import CLIENTS
from clients.record import dump, load, merged
from clients.table import LONGEST, Row, shortened
from clients.trial import Measured

FIRST, SECOND, *_ = CLIENTS
LIMITED = Measured(answered=True, said="Hello from S.", seconds=0.04, requests=1, calls=2)
DOWN = Measured(answered=False, said="all down", seconds=1.26, requests=3, calls=9, in_time=False)
ROW = Row(FIRST, "1.2.3", "Envoy 1.40.0", LIMITED, DOWN, DOWN)


def test_what_is_written_is_read_again() -> None:
    rows = (ROW, replace(ROW, client=SECOND, down_off=None))

    assert load(dump(rows)) == rows


def test_what_users_read_is_kept_as_short_as_it_is_shown() -> None:
    said = "a\n" * LONGEST

    (row,) = load(dump([replace(ROW, down=replace(DOWN, said=said, seconds=1.23456))]))

    assert (row.down.said, row.down.seconds) == (shortened(said), 1.23)


def test_a_client_that_is_no_longer_tried_is_left_out() -> None:
    entries = json.loads(dump([ROW]))

    assert load(json.dumps({**entries, "gone": entries[FIRST.name]})) == (ROW,)


def test_a_client_that_is_tried_again_replaces_its_own_row_alone() -> None:
    """They stay in the order of the catalogue, whatever is tried when."""
    other = replace(ROW, client=SECOND)
    again = replace(ROW, version="1.2.4")

    assert merged([other, ROW], [again]) == (again, other)
