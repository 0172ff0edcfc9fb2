import io
import zipfile

import numpy as np
import pytest

from critech import plain_data
from critech.plain_data import read_json, read_npz


def archive(**arrays: object) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)  # type: ignore[arg-type]
    return out.getvalue()


def test_json_is_read_as_it_stands() -> None:
    assert read_json(b'{"a": [1, 2.5e3, null, "\xe9\x8d\xb5"]}') == {"a": [1, 2500.0, None, "鍵"]}


@pytest.mark.parametrize("text", ["NaN", "[-Infinity]", "1e999", "-1e999", "{", ""])
def test_what_json_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_json(text)


def test_arrays_come_back() -> None:
    given = {"a": np.array([1.5, -2.0]), "b": np.array(["x", "yy"]), "c": np.empty((0, 3), np.int8)}
    found = read_npz(archive(**given))
    assert list(found) == list(given)
    assert all((found[name] == given[name]).all() for name in given)


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.array([1.0, np.nan]), "beyond"),
        (np.array([np.inf]), "beyond"),
        (np.array([-2e6]), "beyond"),
        (np.array([1j]), "neither numbers nor text"),
        (np.array(["2026-01-01"], "datetime64[D]"), "neither numbers nor text"),
        (np.zeros(3, [("a", "i4")]), "neither numbers nor text"),
        (np.array([{}], object), "allow_pickle"),
    ],
)
def test_what_no_array_of_a_bundle_holds_is_refused(array: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_npz(archive(a=array))


def test_a_bomb_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_data, "MAX_BYTES", 100_000)
    data = archive(a=np.zeros(1_000_000, np.int8))
    assert len(data) < 10_000
    monkeypatch.setattr(np, "load", None)
    with pytest.raises(ValueError, match="more than 64 arrays or 100000 bytes"):
        read_npz(data)


def test_a_size_that_is_not_true_gives_no_more_than_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = archive(a=np.zeros(1_000_000, np.int8))
    with zipfile.ZipFile(io.BytesIO(data)) as whole:
        (member,) = whole.infolist()
    lied = data.replace(member.file_size.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert lied != data
    monkeypatch.setattr(plain_data, "MAX_BYTES", 2_000)
    with pytest.raises((ValueError, zipfile.BadZipFile)):
        read_npz(lied)


def test_many_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 64 arrays"):
        read_npz(archive(**{f"a{i}": np.zeros(1) for i in range(65)}))


def test_a_directory_of_many_members_is_refused_before_it_is_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = archive(**{f"a{i}": np.zeros(1) for i in range(65)})
    monkeypatch.setattr(zipfile.ZipFile, "infolist", None)
    made: list[object] = []
    monkeypatch.setattr(zipfile, "ZipInfo", made.append)
    with pytest.raises(ValueError, match="more than 64 arrays"):
        read_npz(data)
    assert made == []
