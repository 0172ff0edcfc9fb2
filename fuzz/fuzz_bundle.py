"""Target: the loader of bundles, over a tiny bundle with one file changed.

The checksums and the digest are made to fit the change, as someone who can write the folder could:
what is fuzzed lies behind them.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from critech.bundle import ENCODER, MANIFEST, STUDENT, TOKENIZER, manifest_digest, read_bundle
from critech.cascade.words import Words
from critech.errors import BundleError
from critech.scorer import Scorer
from tiny_bundle import write_tiny_bundle

MAX_BYTES = 600
FILES = (
    MANIFEST, "labels.json", "metrics.json", "screening.json", "tokenizer.json", "arrays.npz",
    "examples.npz", ENCODER, STUDENT,
)  # fmt: skip


def one_input(data: bytes) -> None:
    """Check one input: which file, where in it (two bytes), which change, and what with."""
    if len(data) < 4:
        return
    name, at, change = FILES[data[0] % len(FILES)], int.from_bytes(data[1:3]), data[3] % 4
    with tempfile.TemporaryDirectory(dir=_memory()) as place:
        folder = Path(place) / "bundle"
        folder.mkdir()
        files = dict(_tiny())
        files[name] = changed(name, files[name], at, change, data[4:])
        if name != MANIFEST or change == 3:
            files[MANIFEST] = resealed(files)
        for part, content in files.items():
            (folder / part).write_bytes(content)
        check(folder, name)


def check(folder: Path, name: str) -> None:
    """A bundle is refused by BundleError, or it scores any text in 0..1 and can be shown."""
    try:
        bundle = read_bundle(folder)
        scorer = Scorer(bundle)
        words = Words(scorer)
    except BundleError as error:
        assert len(str(error)) < 10_000, "an error as long as the file"
        return
    json.dumps([bundle.manifest, bundle.metrics], allow_nan=False)
    assert bundle.screening is None or json.dumps(bundle.screening.as_dict(), allow_nan=False)
    if name in (ENCODER, TOKENIZER, STUDENT):  # another network is another: that it runs is enough
        return
    for text in ("a pump", "a " * 24, "a " * 40):
        scored = scorer.score(text)
        assert scored.scores.shape == scored.logits.shape == (len(bundle.labels),)
        assert np.isfinite(scored.logits).all()
        assert ((scored.scores >= 0) & (scored.scores <= 1)).all()
        reading = words.read(text)
        assert reading is None or np.isfinite(reading.excess).all()
        assert 0 <= scored.tokens_seen <= scored.tokens_total
        if bundle.examples is not None:
            for position in range(len(bundle.labels)):
                bundle.examples.nearest(scored.vector, position, 2)


def changed(name: str, content: bytes, at: int, change: int, payload: bytes) -> bytes:
    """Return a file with one change: overwritten, cut or lengthened at a place, or, where the
    format is understood, one value or array replaced by another."""
    if change == 3 and name.endswith(".json"):
        return with_value(json.loads(content), at, payload)
    if change == 3 and name.endswith(".npz"):
        return with_array(content, at, payload)
    at %= len(content)
    if change == 0:
        return content[:at] + payload + content[at + len(payload) :]
    return content[:at] + payload + (content[at:] if change == 2 else b"")


def with_value(tree: Any, at: int, payload: bytes) -> bytes:
    """Return JSON with the value at one place replaced by the payload, read as JSON if it is."""
    places: list[tuple[Any, Any]] = []

    def visit(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], (dict, list)):
                visit(node[key])

    visit(tree)
    text = payload.decode(errors="replace")
    mark = "\0place\0"
    node, key = places[at % len(places)]
    node[key] = mark
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        text = json.dumps(text)
    return json.dumps(tree).replace(json.dumps(mark), text).encode()


def with_array(content: bytes, at: int, payload: bytes) -> bytes:
    """Return an archive with one array replaced: type, shape and bytes with a zero byte between."""
    descr, _, rest = payload.partition(b"\0")
    shape, _, body = rest.partition(b"\0")
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        names = old.namelist()
        for name in names:
            member = old.read(name)
            if name == names[at % len(names)]:
                kind, dimensions = _literal(descr, "'<f4'"), _literal(shape, "(2,)")
                header = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {dimensions}}}"
                raw = header.encode("latin-1", "replace") + b"\n"
                member = b"\x93NUMPY\1\0" + len(raw).to_bytes(2, "little") + raw + body
            new.writestr(name, member)
    return out.getvalue()


def _literal(raw: bytes, default: str) -> str:
    text = raw.decode("latin-1")
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return default if not text else repr(text)
    return text


def resealed(files: dict[str, bytes]) -> bytes:
    """Return the manifest with checksums and digest that fit the files."""
    try:
        manifest = json.loads(files[MANIFEST])
        listed = manifest["files"]
        for name in set(listed) & set(files):
            listed[name]["sha256"] = hashlib.sha256(files[name]).hexdigest()
        manifest["digest"] = manifest_digest(manifest)
        return json.dumps(manifest).encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return files[MANIFEST]


@cache
def _tiny() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as place:
        write_tiny_bundle(Path(place) / "tiny")
        return {path.name: path.read_bytes() for path in (Path(place) / "tiny").iterdir()}


@cache
def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
