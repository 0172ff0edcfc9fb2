"""Archives by strangers: what is no bundle is refused by a clear error, and nothing is left."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from critech.bundle.checking import check_bundle
from critech.errors import BundleError, InputError
from critech.installing import intake
from critech.installing.archives import MAX_MEMBERS
from critech.installing.intake import MAX_FILES, Limits
from critech.installing.sources import take_in

SMALL = Limits(total=1_000_000, ratio=10, free=100_000)


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "into" / "bundle"
    folder.mkdir(parents=True)
    return folder


def tar(path: Path, *members: tarfile.TarInfo | tuple[str, bytes], **options: object) -> Path:
    with tarfile.open(path, "w:gz", **options) as archive:  # type: ignore[call-overload]
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return path


def zipped(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def refused(source: Path, into: Path, match: str) -> None:
    """Check the error, and that nothing but plain files in the folder came into being."""
    before = sorted(into.parent.parent.iterdir())
    with pytest.raises(BundleError, match=match) as caught:
        take_in(source, into, SMALL)
    assert str(caught.value).isprintable()
    assert sorted(into.parent.parent.iterdir()) == before
    assert all(stat.S_ISREG(found.lstat().st_mode) for found in into.iterdir())


@pytest.mark.parametrize("form", ["gztar", "zip"])
@pytest.mark.parametrize("above", ["", "bundle"])
def test_a_bundle_comes_out_as_it_went_in(
    tiny_bundle: Path, tmp_path: Path, into: Path, form: str, above: str
) -> None:
    root = tmp_path / "root"
    shutil.copytree(tiny_bundle, root / above)
    source = Path(shutil.make_archive(str(tmp_path / "packed"), form, root))
    odd = source.rename(tmp_path / "no-ending")  # the kind shows in the content
    take_in(odd, into, Limits())
    assert {f.name: f.read_bytes() for f in into.iterdir()} == {
        f.name: f.read_bytes() for f in tiny_bundle.iterdir()
    }
    assert check_bundle(into).findings == ()


HOSTILE_PATHS = [
    "/etc/passwd", "../up", "a/../../up", "a/../b", "..", "a/b/c", "a\\b", "C:\\x", ".hidden",
    "~/x", "a\nb", "\x1b[2J", "n" * 200, "ファイル", "/", "a//b/c",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_PATHS)
def test_paths_that_lead_anywhere(tmp_path: Path, into: Path, name: str) -> None:
    refused(tar(tmp_path / "a.tgz", (name, b"x")), into, "no file of a bundle")
    if name != "/":  # a folder, to zip
        refused(zipped(tmp_path / "a.zip", (name, b"x")), into, "no file of a bundle")


def test_a_nul_in_a_zip_name(tmp_path: Path, into: Path) -> None:
    source = zipped(tmp_path / "a.zip", ("fineXname", b"x"))
    source.write_bytes(source.read_bytes().replace(b"fineXname", b"fine\0name"))
    refused(source, into, "no file of a bundle")


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE,
     tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, b"Z"],
)  # fmt: skip
def test_links_devices_and_the_like_in_a_tar(tmp_path: Path, into: Path, kind: bytes) -> None:
    refused(
        tar(tmp_path / "a.tgz", special("name", kind, "/etc/passwd")),
        into,
        "link or a device|is broken",
    )


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_in_a_zip(tmp_path: Path, into: Path, kind: int) -> None:
    info = zipfile.ZipInfo("name")
    info.create_system, info.external_attr = 3, (kind | 0o644) << 16
    refused(zipped(tmp_path / "a.zip", (info, b"/etc/passwd")), into, "link or a device")


def test_a_link_that_a_file_would_be_written_through(tmp_path: Path, into: Path) -> None:
    source = tar(tmp_path / "a.tgz", special("x", tarfile.SYMTYPE, str(tmp_path)), ("x/up", b"x"))
    refused(source, into, "link or a device")
    assert not (tmp_path / "up").exists()


def test_a_name_twice_and_two_folders(tmp_path: Path, into: Path) -> None:
    twice = [("a", b"1"), ("a", b"2")]
    refused(tar(tmp_path / "a.tgz", *twice), into, "holds a name twice")
    shutil.rmtree(into)
    into.mkdir()
    with pytest.warns(UserWarning, match="Duplicate name"):
        source = zipped(tmp_path / "a.zip", *twice)
    refused(source, into, "holds a name twice")
    shutil.rmtree(into)
    into.mkdir()
    refused(tar(tmp_path / "b.tgz", ("a/x", b"1"), ("b/y", b"2")), into, "several folders")


def test_too_many_files(tmp_path: Path, into: Path) -> None:
    many = [(f"f{i}", b"") for i in range(MAX_FILES + 1)]
    refused(tar(tmp_path / "a.tgz", *many), into, "too many files")


def test_a_list_too_long_is_not_even_read(tmp_path: Path, into: Path) -> None:
    many = [(f"f{i}", b"") for i in range(2_000)]
    refused(zipped(tmp_path / "a.zip", *many), into, "too many files")
    assert list(into.iterdir()) == []


BOMB = b"\0" * 3_000_000


@pytest.mark.parametrize("pack", [tar, zipped])
def test_a_bomb(tmp_path: Path, into: Path, pack: Callable[..., Path]) -> None:
    refused(pack(tmp_path / "bomb", ("a", BOMB)), into, "too large when unpacked")


@pytest.mark.parametrize("pack", [tar, zipped])
def test_a_bomb_in_parts(tmp_path: Path, into: Path, pack: Callable[..., Path]) -> None:
    parts = [(f"f{i}", BOMB[:60_000]) for i in range(20)]
    refused(pack(tmp_path / "bomb", *parts), into, "too large when unpacked")


def test_a_zip_that_lies_about_its_size(tmp_path: Path, into: Path) -> None:
    source = zipped(tmp_path / "a.zip", ("a", BOMB))
    data, size = source.read_bytes(), len(BOMB).to_bytes(4, "little")
    source.write_bytes(data.replace(size, (9).to_bytes(4, "little")))
    refused(source, into, "too large when unpacked|is broken")


def test_total_size(tmp_path: Path, into: Path) -> None:
    refused(tar(tmp_path / "a.tgz", ("a", os.urandom(1_100_000))), into, "too large when unpacked")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_bytes(BOMB)
    refused(tmp_path / "folder", into, "too large when unpacked")


def test_a_header_longer_than_memory(tmp_path: Path, into: Path) -> None:
    """A name of 3 MB, told by a header that may have any length."""
    limits = Limits(total=10_000_000, ratio=10_000)
    source = tar(tmp_path / "a.tgz", ("n" * 3_000_000, b"x"), format=tarfile.GNU_FORMAT)
    with pytest.raises(BundleError, match="excessive length"):
        take_in(source, into, limits)
    pax = tar(
        tmp_path / "b.tgz",
        ("a", b"x"),
        format=tarfile.PAX_FORMAT,
        pax_headers={"k": "v" * 3_000_000},
    )
    with pytest.raises(BundleError, match="excessive length"):
        take_in(pax, into, limits)


def test_an_encrypted_or_oddly_packed_zip(tmp_path: Path, into: Path) -> None:
    source = zipped(tmp_path / "a.zip", ("a", b"x"))
    data = bytearray(source.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    source.write_bytes(data)
    refused(source, into, "is encrypted")
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", b"x")
    refused(tmp_path / "b.zip", into, "unusual way")


@pytest.mark.parametrize("pack", [tar, zipped])
def test_an_archive_cut_or_spoilt_anywhere(
    tmp_path: Path, into: Path, pack: Callable[..., Path]
) -> None:
    """Whatever is broken, the answer is a BundleError or the file as it was: never another one."""
    content = os.urandom(600)
    whole = pack(tmp_path / "whole", ("a", content)).read_bytes()
    for at in range(0, len(whole), 7):
        for data in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :]):
            (tmp_path / "broken").write_bytes(data)
            shutil.rmtree(into)
            into.mkdir()
            try:
                take_in(tmp_path / "broken", into, SMALL)
            except BundleError:
                continue
            assert [f.read_bytes() for f in into.iterdir()] in ([content], [])


@pytest.mark.parametrize("data", [b"", b"x", b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 18, b"\x1f\x8b",
                                  b"BZh91AY", gzip.compress(b"no tar" * 200, mtime=0)])  # fmt: skip
def test_what_is_no_archive(tmp_path: Path, into: Path, data: bytes) -> None:
    (tmp_path / "odd").write_bytes(data)
    refused(tmp_path / "odd", into, "is of another kind|is broken")


def test_nothing_and_a_pipe(tmp_path: Path, into: Path) -> None:
    refused(tmp_path / "nowhere", into, "a folder or an archive")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", into, "a folder or an archive")


def test_a_folder_with_links_pipes_or_folders(tmp_path: Path, into: Path) -> None:
    source = tmp_path / "source"
    for make in (
        lambda path: path.symlink_to("/etc/passwd"),
        os.mkfifo,
        Path.mkdir,
    ):
        source.mkdir()
        make(source / "odd")
        refused(source, into, "is no plain file")
        shutil.rmtree(source)


def test_a_full_disk_is_not_the_archives_fault(
    tmp_path: Path, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(intake.os, "open", full)
    for source in (tar(tmp_path / "a.tgz", ("a", b"x")), zipped(tmp_path / "a.zip", ("a", b"x"))):
        with pytest.raises(InputError, match=r"cannot be written \(No space left"):
            take_in(source, into, SMALL)


def test_a_list_too_long_behind_a_zip64_record(tmp_path: Path, into: Path) -> None:
    """zipfile goes by that record, whatever the classic one says."""
    source = zipped(tmp_path / "a.zip", *((f"f{i}", b"") for i in range(2_000)))
    data = source.read_bytes()
    at = data.rindex(b"PK\x05\x06")
    size, start = struct.unpack_from("<2L", data, at + 12)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 2000, 2000, size, start)
    wide += struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    source.write_bytes(data[:at] + wide + b"PK\x05\x06" + b"\0" * 18)
    with zipfile.ZipFile(source) as archive:
        assert len(archive.infolist()) == 2_000
    refused(source, into, "too many files")
    assert list(into.iterdir()) == []


def test_folders_of_a_tar_count(tmp_path: Path, into: Path) -> None:
    many = [special(f"d{i}", tarfile.DIRTYPE) for i in range(MAX_MEMBERS + 1)]
    refused(tar(tmp_path / "a.tgz", *many), into, "too many files")


def test_a_source_that_cannot_be_looked_into_is_named(tmp_path: Path, into: Path) -> None:
    with pytest.raises(InputError, match=r"source: cannot be read \(File name too long\)"):
        take_in(tmp_path / ("n" * 300), into, SMALL)
