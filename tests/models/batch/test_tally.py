import json

from critech.batch.records import Position, Rejected
from critech.batch.tally import N_SLOWEST, Tally


def row(number: int, assigned: list[str] | None = None) -> dict[str, object]:
    return {
        "source": "a",
        "record": number,
        "language": "en",
        "tokens_total": 7,
        "tier": "full",
        "warnings": [{"code": "out_of_distribution", "message": ""}] if number % 2 else [],
        "assigned": assigned or [],
        "possible": ["t:02"] if number == 3 else [],
        "screening": {"verdict": "review"} if number else None,
    }


def test_parts_add_up_to_the_whole() -> None:
    whole, parts = Tally(), [Tally(), Tally(), Tally()]
    for i in range(30):
        outcome = (
            Rejected(Position("a", i), "no_text", "")
            if i % 10 == 9
            else row(i, ["t:01"] if i % 3 == 0 else None)
        )
        seconds = None if i % 7 == 6 else float((i * 37) % 31)
        whole.add(outcome, seconds)
        parts[i % 3].add(outcome, seconds)
    merged = Tally()
    for part in parts:
        merged.merge(Tally.from_dict(json.loads(json.dumps(part.as_dict()))))
    assert merged == whole
    assert whole.records == 30
    assert whole.n_rejected == 3
    assert whole.rejected == {"no_text": 3}
    assert whole.assigned["t:01"] == len([i for i in range(30) if i % 3 == 0 and i % 10 != 9])
    assert whole.flagged == whole.assigned["t:01"]
    assert whole.possible == {"t:02": 1}
    assert whole.verdicts == {"review": 26}
    assert len(whole.slowest) == N_SLOWEST
    assert [slow[0] for slow in whole.slowest] == sorted(
        (slow[0] for slow in whole.slowest), reverse=True
    )
