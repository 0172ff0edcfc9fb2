import io
from collections import Counter

import pytest

from critech.batch.counting import Counting
from critech.batch.progress import Plain, Rate, duration, progress_for
from critech.batch.summary import summary
from critech.batch.tally import Tally


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_rate_and_time_left_do_not_count_earlier_runs() -> None:
    now = 0.0
    rate = Rate(lambda: now)
    rate.begin(1000)
    now = 10.0
    assert rate.of(1100) == pytest.approx(10.0)
    assert rate.left(1100, 1300) == pytest.approx(20.0)
    assert rate.left(1100, None) is None
    assert rate.left(1000, 1300) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.4, "4 s"), (75, "1 min 15 s"), (20_000, "5 h 33 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_plain_lines_when_not_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(Plain, "seconds", 0.0)
    with progress_for(False, False, lambda: 40, stream) as progress:
        progress.begun(Tally(), False)
        progress.counted(Tally(rows=3, flagged=2, rejected=Counter(no_text=1)))
    assert "4 of 40 records, " in stream.getvalue()
    assert "1 rejected, 2 flagged" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("critech.batch.progress.Bar.seconds", 0.0)
    stream = Terminal()
    with progress_for(False, False, lambda: 40, stream) as progress:
        progress.begun(Tally(rows=1), False)
        progress.counted(Tally(rows=3, flagged=2))
    assert "going on after 1 records" in stream.getvalue()
    assert "3/40" in stream.getvalue()
    assert "2 flagged" in stream.getvalue()
    plain = Terminal()
    with progress_for(False, True, lambda: None, plain) as progress:
        progress.begun(Tally(rows=1), False)
    assert plain.getvalue() == "going on after 1 records of an earlier run\n"


def test_quiet_says_nothing() -> None:
    stream = Terminal()
    with progress_for(True, False, lambda: None, stream) as progress:
        progress.begun(Tally(rows=1), False)
        progress.verified(1)
        progress.counted(Tally(rows=3))
    assert stream.getvalue() == ""


def test_counting_tells_the_total_when_it_is_known() -> None:
    with Counting(lambda: range(1000)) as counting:
        while counting.total() is None:
            assert counting._thread.is_alive() or counting.total() is not None
        assert counting.total() == 1000

    def broken() -> object:
        raise OSError("gone")

    with Counting(broken) as counting:  # type: ignore[arg-type]
        counting._thread.join()
        assert counting.total() is None


def test_the_summary_names_what_was_found() -> None:
    tally = Tally(
        rows=9,
        flagged=3,
        repeated=1,
        rejected=Counter(no_text=1),
        warnings=Counter(out_of_distribution=2),
        languages=Counter(en=8, ja=1),
        assigned=Counter({"t:01": 2}),
        possible=Counter({"t:02": 1}),
        slowest=[(1.5, "a.jsonl", 4, 700)],
    )
    text = summary(tally, {"t:01": ("First", "一")}, 2.0, 10)
    assert "10 records: 9 classified, 1 rejected, 1 repeated; 10 in 2 s, 5.0/s" in text
    assert "flagged, a label possible or better: 3 (33.3%)" in text
    assert "out of distribution: 2 (22.2%)" in text
    assert "1.50 s a.jsonl record 4 (700 tokens)" in text
    assert text.index("t:01") < text.index("t:02")
    assert "First" in text
    assert "not clearance" in text
    assert "flagged, a label possible or better: 0 (none)" in summary(Tally(), {}, 0.0, 0)
