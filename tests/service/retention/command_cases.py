"""What every command is run with: files, command lines, and how each ends.

``CASES`` has an entry for each command there is, found by walking the parsers: a new command
without one fails in ``test_commands.py``. ``None`` stands for a command that reads no text of
anybody's.
"""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass

from canary import Canary

CANARY = Canary("text")
TEXT, WORD = CANARY.text, CANARY.word
LABEL = "jp-secret-patent-25:10"
FILING = {"id": TEXT, "title": TEXT, "abstract": TEXT, "claims": TEXT, "ipc": [WORD]}
GOLD = {"id": "g", "text": TEXT, "labels": {}}
RECORD = {"id": "r", "language": "en", "text": TEXT, "labels": {}}


def archive(name: str, content: bytes) -> bytes:
    """Return an archive that holds one file."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return whole.getvalue()


FILES = {
    "text.txt": TEXT.encode(),
    "dump.jsonl": json.dumps({**FILING, "id": "d"}).encode() + b"\n" + TEXT.encode() + b"\n",
    "latin.txt": TEXT.encode("utf-16"),
    "filings.jsonl": json.dumps(FILING).encode(),
    "cut.jsonl": json.dumps(FILING).encode()[:-3],
    "odd.jsonl": json.dumps({**FILING, WORD: TEXT, "language": TEXT}).encode(),
    "gold-odd.jsonl": json.dumps({**GOLD, "labels": {TEXT: 1}}).encode(),
    "gold-cut.jsonl": json.dumps(GOLD).encode()[:-2],
    "corpus-odd/a.jsonl": json.dumps({**RECORD, WORD: TEXT}).encode(),
    "corpus-language/a.jsonl": json.dumps({**RECORD, "language": TEXT}).encode(),
    "corpus-label/a.jsonl": json.dumps({**RECORD, "labels": {TEXT: 2}}).encode(),
    "corpus-cut/a.jsonl": json.dumps(RECORD).encode()[:-2],
    "audit-odd.jsonl": json.dumps(FILING).encode() + b"\n",
    "corrections-odd.jsonl": json.dumps({"format": 1, "text": TEXT}).encode() + b"\n",
    "keys-odd.json": json.dumps({WORD: TEXT}).encode(),
    "secret": b"s" * 32,
    "odd-bundle/manifest.json": json.dumps({WORD: TEXT, "name": TEXT}).encode(),
    "odd-bundle.tar.gz": archive("bundle/manifest.json", json.dumps({"name": TEXT}).encode()),
}


@dataclass(frozen=True)
class Case:
    """A command line; ``shows`` says that its output quotes the text to whoever asked."""

    argv: tuple[str, ...]
    code: int
    stdin: str = ""
    shows: bool = False


def case(line: str, code: int = 1, stdin: str = "", shows: bool = False) -> Case:
    """Return a case from a line in which TEXT and WORD stand for the canary."""
    named = {"TEXT": TEXT, "WORD": WORD}
    return Case(tuple(named.get(part, part) for part in line.split()), code, stdin, shows)


CORPORA = ("odd", "language", "label", "cut")
CASES: dict[str, list[Case] | None] = {
    "batch": [
        case("dump.jsonl -o made.csv --screen --no-progress", 4),
        case("dump.jsonl -o made.jsonl --taxonomy WORD"),
        case("gold-cut.jsonl -o made.jsonl"),
        case("dump.jsonl -o made.jsonl --field TEXT"),
        case("dump.jsonl -o made.jsonl --layout TEXT", 2),
        case("dump.jsonl -o parts --engine TEXT", 2),
        case("dump.jsonl -o parts --engine ray --memory 256"),
        case("dump.jsonl -o parts --engine ray --workers TEXT", 2),
        case("dump.jsonl -o parts --engine spark --format-in jsonl"),
        case("dump.jsonl -o parts --engine spark --field TEXT"),
        case("dump.jsonl -o parts --engine ray --field text=WORD"),
        case("dump.jsonl -o text.txt --engine ray"),
        case("dump.jsonl -o made.jsonl --fast WORD"),
        case("dump.jsonl -o made.jsonl --fast odd.jsonl"),
    ],
    "classify": [
        case("TEXT --title TEXT --ipc WORD", 0, shows=True),  # the symbol that cannot be read
        case("- --json --explain", 0, TEXT, shows=True),
        case("--file text.txt", 0),
        case("--file latin.txt"),
        case("TEXT --taxonomy WORD"),
        case("TEXT TEXT", 2),
        case("TEXT --as-of WORD", 2),
        case("TEXT --top-k WORD", 2),
        case("TEXT --min-score WORD", 2),
        case("TEXT --language WORD", 2),
        case("TEXT --bundle text.txt", 3),
    ],
    "screen": [
        case("--file filings.jsonl", 0, shows=True),
        case("--file - --json --no-explain", 0, json.dumps(FILING), shows=True),  # the id
        case("--title TEXT --abstract TEXT --ipc WORD --no-explain", 0),
        case("--file cut.jsonl"),
        case("--file odd.jsonl"),
        case("--file latin.txt"),
        case("--file text.txt"),
        case("--title TEXT", 2),
        case("--title TEXT --abstract TEXT --defence-use WORD", 2),
        case("--title TEXT --abstract TEXT --filing-date TEXT", 2),
    ],
    "feedback add": [
        case(f"kept.jsonl --id A-1 --label {LABEL} --wrong --reviewer r.1 --title TEXT"),
        case(f"kept.jsonl --id A-1 --label {LABEL} --wrong --reviewer TEXT"),
        case("kept.jsonl --id A-1 --label TEXT --wrong --reviewer r.1"),
        case(f"kept.jsonl --hmac TEXT --label {LABEL} --wrong --reviewer r.1"),
        case(f"kept.jsonl --id A-1 --label {LABEL} --wrong --reviewer r.1 --with-text latin.txt"),
        case(f"kept.jsonl --id A-1 --label {LABEL} --wrong --reviewer r.1", 0),
    ],
    "feedback check": [case("corrections-odd.jsonl"), case("text.txt")],
    "audit verify": [case("audit-odd.jsonl"), case("audit-odd.jsonl --head TEXT", 2)],
    "audit override": [
        case("audit-odd.jsonl --record 1 --verdict TEXT --reason-code WORD --reviewer WORD"),
        case("audit-odd.jsonl --record TEXT --verdict x --reason-code x --reviewer x", 2),
    ],
    "audit hmac": [
        case("--file filings.jsonl --hmac-file secret", 0),
        case("--file cut.jsonl --hmac-file secret"),
        case("--file odd.jsonl --hmac-file secret"),
    ],
    "keys create": [case("--name ok --scope TEXT --file keys.json", 2)],
    "keys list": [case("--file keys-odd.json")],
    "keys revoke": [case("TEXT --file keys-odd.json"), case("TEXT --file none.json")],
    "labels ipc": [case("WORD", 0, shows=True), case("F02K --date TEXT", 2)],
    "evaluate": [case("--gold gold-odd.jsonl"), case("--gold gold-cut.jsonl")],
    "certify": [case("--gold gold-odd.jsonl"), case("--gold gold-cut.jsonl")],
    "corpus": [case(f"--corpus corpus-{name}") for name in CORPORA],
    "train": [
        case("--corpus corpus-odd --out out"),
        case("--extra corrections-odd.jsonl --out out"),
        case("--epochs WORD", 2),
        case("--corpus corpus-odd --teacher TEXT --out out"),
    ],
    "distil": [
        case("--corpus corpus-odd"),
        case("--corpus corpus-cut --bundle odd-bundle"),
        case("--version TEXT"),
        case("--epochs WORD", 2),
    ],
    "certify-fast": [
        case("dump.jsonl --out fast.json --population WORD"),
        case("dump.jsonl --out fast.json --population TEXT --field WORD"),
        case("dump.jsonl --out fast.json --population TEXT --limit WORD", 2),
        case("gold-cut.jsonl --out fast.json"),
        case("dump.jsonl --out dump.jsonl --population TEXT"),
    ],
    "bundle verify": [
        case("odd-bundle", 3),
        case("odd-bundle --json", 3),
        case("text.txt", 3),
        case("odd-bundle --key text.txt"),
        case("odd-bundle WORD", 2),
    ],
    "bundle show": [case("odd-bundle", 3), case("text.txt", 3)],
    "bundle install": [case("odd-bundle.tar.gz --dir out", 3), case("text.txt --dir out", 3)],
    "bundle rollback": [case("--dir out", 3)],
    "bundle sign": [case("odd-bundle --key text.txt", 3)],
    "bundle keygen": [case("made --password-file text.txt", 0), case("made WORD", 2)],
    "cross-validate": [case("--corpus corpus-language"), case("--by WORD", 2)],
    "serve": [case("--host WORD"), case("--port WORD", 2), case("--uds-mode WORD")],
    # label ids, dates and editions alone
    "labels list": None,
    "labels show": None,
    "labels check": None,
    "labels export": None,
    "labels diff": None,
    "labels crosswalk": None,
}
