"""More than the server is told to take: what is refused, how, and what is still answered."""

from __future__ import annotations

from harness import closed_loop
from harness.processes import Shares, settle, watched
from harness.report import Check, by_status
from harness.texts import abstracts, classify_bodies, write_lines
from measures.plan import CLASSIFY, Plan, Section, disturbance

AT_ONCE = 16
QUEUED = 5_000  # some 30 abstracts
CLIENTS = (8, 256)
BUNDLED = 64


def measure(plan: Plan) -> Section:
    """Return what 8 and 256 clients see of a server that takes 16 requests at once and of one
    that lets 5,000 tokens wait, and what 256 clients with 64 documents each see of one with the
    settings as they come."""
    texts = abstracts(640)
    one = write_lines(classify_bodies(texts), plan.folder / "one.jsonl")
    many = write_lines(classify_bodies(texts, BUNDLED), plan.folder / "many.jsonl")
    short, past_deadline = plan.pick(4, 15), plan.pick(10, 130)
    rows: list[list[object]] = []
    samples: list[tuple[bool, closed_loop.Sample]] = []
    shares: list[Shares] = []
    cases = [
        (
            f"limit of {AT_ONCE} at once",
            {"CRITECH_CONCURRENCY_LIMIT": str(AT_ONCE)},
            CLIENTS,
            one,
            short,
        ),
        (f"queue of {QUEUED} tokens", {"CRITECH_QUEUE_TOKENS": str(QUEUED)}, CLIENTS, one, short),
        ("settings as they come, 64 documents each", {}, (256,), many, past_deadline),
    ]
    for name, settings, levels, bodies, seconds in cases:
        with plan.server(**settings) as server:
            for clients in levels:
                settle(server)
                with watched(server) as found:
                    sample = closed_loop.load(server.url(CLASSIFY), bodies, clients, seconds)
                shares += found
                below = bool(settings) and clients < AT_ONCE
                samples.append((below, sample))
                rows.append([
                    name, clients, f"{sample.per_second:.1f}",
                    by_status(sample.statuses, sample.broken), f"{sample.max_ms:.0f}",
                    f"{server.peak_rss_mb():.0f}", f"{found[0].client:.1f}",
                ])  # fmt: skip
    below_refused = sum(sample.refused for below, sample in samples if below)
    failed = sum(sample.failed for _, sample in samples)
    least = min(sample.per_second for _, sample in samples)
    return Section(
        "overload",
        "Overload",
        ["server", "clients", "answered/s", "answers by status", "longest, ms", "peak RSS, MB",
         "client, % of CPU"],
        rows,
        [
            "wrk sends again at once after a refusal and heeds no Retry-After: the worst client "
            "there is.",
            "Requests that were still waiting when the time was up are in no column. The last case "
            f"takes {past_deadline:.0f} s, longer than a request may wait by default: work that is "
            "begun and dropped at the deadline shows as nothing answered.",
            *disturbance(shares),
        ],
        [
            Check("refused below the limit", str(below_refused), "0", below_refused == 0),
            Check("least answered a second in any case", f"{least:.2f}", "above 0", least > 0),
            Check("answers but 2xx, 429 and 503, and connections broken", str(failed), "0",
                  failed == 0),
        ],
        {"samples": [vars(sample) for _, sample in samples]},
    )  # fmt: skip
