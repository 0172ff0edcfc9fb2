import math

import pytest

from harness.report import by_status, percentile, table, trend


def test_a_percentile_is_a_value_that_occurred() -> None:
    values = [float(i) for i in range(1, 201)]
    assert percentile(values, 50) == 100.0
    assert percentile(values, 99) == 198.0
    assert percentile([7.0], 99) == 7.0
    assert math.isnan(percentile([], 50))


def test_the_trend_finds_a_leak_under_noise() -> None:
    requests = [float(i) for i in range(0, 50_000, 100)]
    memory = [300.0 + at * 0.001 + (i % 7) for i, at in enumerate(requests)]
    found = trend(requests, memory)
    assert found.slope_mb == pytest.approx(10.0, rel=0.05)
    assert found.growth_percent == pytest.approx(15.0, abs=1.5)


def test_flat_memory_has_no_trend() -> None:
    found = trend([float(i) for i in range(100)], [300.0 + i % 2 for i in range(100)])
    assert abs(found.growth_percent) < 0.5


def test_statuses_and_requests_without_an_answer_are_both_shown() -> None:
    assert by_status({"429": 3, "200": 5}, 2) == "200: 5, 429: 3, no answer: 2"
    assert by_status({}) == "none"


def test_a_table_has_a_ruler_and_one_line_a_row() -> None:
    assert table(["a", "b"], [[1, 2]]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |"
