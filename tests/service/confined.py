"""Runs a command without a network, or without a disk to write to, by what the kernel offers here.

    python confined.py namespace|seccomp COMMAND...         loopback only
    python confined.py read-only FOLDER COMMAND...          all but this folder cannot be written to
    python confined.py small-disk FOLDER BYTES COMMAND...   this folder is a disk of so many bytes

Ends with 77 and a reason when the kernel does not allow it to this user. All by system calls: no
program is needed, and no right where user namespaces are open to everybody.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import socket
import struct
import sys
from pathlib import Path
from typing import Any

UNAVAILABLE = 77
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, RDONLY = 442, -100, 0x8000, 1
libc = ctypes.CDLL(None, use_errno=True)


class UnavailableError(Exception):
    pass


def check(result: int, what: str) -> None:
    if result != 0:
        raise UnavailableError(f"{what}: {os.strerror(ctypes.get_errno())}")


def unshare(flags: int) -> None:
    """Enter new namespaces, with a user namespace where that is what it takes."""
    if libc.unshare(flags) == 0:
        return
    uid, gid = os.geteuid(), os.getegid()
    check(libc.unshare(flags | CLONE_NEWUSER), "unshare")
    for name, line in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        Path(f"/proc/self/{name}").write_text(line)


def no_network() -> None:
    """Leave nothing but a loopback of one's own."""
    unshare(CLONE_NEWNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


CALLS = {  # by architecture: what the filter is told of it, and the numbers of its calls
    "x86_64": (0xC000003E, {"connect": 42, "sendto": 44, "sendmmsg": 307, "socket": 41}),
    "aarch64": (0xC00000B7, {"connect": 203, "sendto": 206, "sendmmsg": 269, "socket": 198}),
}
LOAD, IF, AND, RETURN = 0x20, 0x15, 0x54, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1  # EPERM
NUMBER, ARCH, ARGUMENTS = 0, 4, 16
IO_URING_SETUP = 425


def no_calls() -> None:
    """Refuse the system calls by which a process reaches anybody: a server needs none of them.

    ``connect``, ``sendto`` with an address, ``sendmmsg``, io_uring, and sockets but those of
    streams. A filter sees no addresses behind pointers, so loopback is refused as well.
    """
    if platform.machine() not in CALLS:
        raise UnavailableError(f"seccomp: the calls of {platform.machine()} are not known here")
    arch, numbers = CALLS[platform.machine()]
    program = assembled(
        [
            (LOAD, ARCH), (IF, arch, "known"), (RETURN, REFUSE),
            "known", (LOAD, NUMBER),
            *((IF, numbers[name], "refuse") for name in ("connect", "sendmmsg")),
            (IF, IO_URING_SETUP, "refuse"),
            (IF, numbers["sendto"], "address"), (IF, numbers["socket"], "kind"), (RETURN, ALLOW),
            "address", (LOAD, ARGUMENTS + 4 * 8), (IF, 0, "allow"), (RETURN, REFUSE),
            "kind", (LOAD, ARGUMENTS + 8), (AND, 0xF), (IF, socket.SOCK_STREAM, "allow"),
            "refuse", (RETURN, REFUSE),
            "allow", (RETURN, ALLOW),
        ]
    )  # fmt: skip
    buffer = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    check(libc.prctl(38, 1, 0, 0, 0), "no_new_privs")
    check(libc.prctl(22, 2, ctypes.create_string_buffer(header), 0, 0), "seccomp")


def assembled(lines: list[Any]) -> bytes:
    """Return a filter. A string is a place; ``IF`` goes to one further on, or else one line on."""
    places: dict[str, int] = {}
    steps: list[tuple[Any, ...]] = []
    for line in lines:
        if isinstance(line, str):
            places[line] = len(steps)
        else:
            steps.append(line)
    return b"".join(
        struct.pack("=HBBI", code, places[to[0]] - at - 1 if to else 0, 0, value)
        for at, (code, value, *to) in enumerate(steps)
    )


def own_mounts(folder: str) -> None:
    unshare(CLONE_NEWNS)
    check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount")
    check(libc.mount(folder.encode(), folder.encode(), None, MS_BIND, None), "bind")


def read_only(folder: str) -> None:
    """Leave one folder that can be written to, and the devices."""
    own_mounts(folder)
    for path, flags, set_, clear in (
        (b"/", AT_RECURSIVE, RDONLY, 0),
        (folder.encode(), 0, 0, RDONLY),
    ):
        attributes = struct.pack("QQQQ", set_, clear, 0, 0)
        buffer = ctypes.create_string_buffer(attributes, 32)
        call = libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, path, flags, buffer, 32)
        check(call, "mount_setattr")


def small_disk(folder: str, size: str) -> None:
    own_mounts(folder)
    options = f"size={size}".encode()
    check(libc.mount(b"tmpfs", folder.encode(), b"tmpfs", 0, options), "tmpfs")


def main() -> int:
    how, *rest = sys.argv[1:]
    taken = {"namespace": 0, "seccomp": 0, "read-only": 1, "small-disk": 2}[how]
    does = {
        "namespace": no_network,
        "seccomp": no_calls,
        "read-only": read_only,
        "small-disk": small_disk,
    }[how]
    command = rest[taken:]
    try:
        does(*rest[:taken])  # type: ignore[operator]
    except (UnavailableError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return UNAVAILABLE
    return os.execvp(command[0], command)


if __name__ == "__main__":
    sys.exit(main())
