import pytest

from costs import Lanes, cost_table, lanes_table, took


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (90, "1.5 min"),
        (3599, "60.0 min"),
        (3600, "1.0 h"),
        (172_799, "48.0 h"),
        (172_800, "2.0 days"),
        (8_640_000, "100 days"),
    ],
)
def test_a_duration_has_the_unit_that_suits_it(seconds: float, shown: str) -> None:
    assert took(seconds) == shown


def test_the_costs_are_documents_by_rate_and_cores() -> None:
    lines = cost_table(25.0).splitlines()
    assert lines[0] == "| documents | 2 cores | 16 cores | 256 cores | core hours |"
    assert lines[2] == "| 1 million | 5.6 h | 41.7 min | 2.6 min | 11 |"
    assert lines[4] == "| 100 million | 23.1 days | 2.9 days | 4.3 h | 1,111 |"


def test_the_second_process_is_set_against_the_first() -> None:
    lines = lanes_table([Lanes(1, 30.0, 31.0), Lanes(2, 48.0, 30.0)]).splitlines()
    assert lines[2:] == ["| 1 | 30.0 | 30.0 | 1.00 | 31.0 |", "| 2 | 48.0 | 24.0 | 0.80 | 30.0 |"]
