"""Put on the path of a process under test: notes what it opens for writing and whom it calls.

The notes go, one a line, to the file that ``WATCH_NOTES`` names. With ``WATCH_DENY`` a call to
anything but loopback is refused as well. This sees what Python does, not what compiled code does.
"""

import os
import sys

NOTES = os.open(os.environ["WATCH_NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
DENY = "WATCH_DENY" in os.environ
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
CHANGES = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate", "shutil.copyfile"}
RUNS = {"subprocess.Popen", "os.exec", "os.system", "os.posix_spawn", "os.fork", "syslog.syslog"}
CALLS = {"socket.connect", "socket.sendto", "socket.sendmsg"}
LOOKUPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
NEAR = ("127.", "::1", "localhost")


def note(kind, what):
    os.write(NOTES, f"{kind}\t{what}\n".encode("utf-8", "backslashreplace"))


def is_near(address):
    if not isinstance(address, tuple):
        return True  # a UNIX socket
    return str(address[0]).startswith(NEAR)


def watch(event, args):
    if event == "open":
        path, _, flags = args
        if isinstance(flags, int) and flags & WRITING and not isinstance(path, int):
            note("write", path)
    elif event in CHANGES:
        note("write", args[0])
    elif event in RUNS:
        note("run", event)
    elif event in CALLS or event in LOOKUPS:
        address = args[1] if event in CALLS else (args[0],)
        if address is None or address[0] is None or is_near(address):
            return
        note("call", address)
        if DENY:
            raise PermissionError(f"{event} is refused by the test")


sys.addaudithook(watch)
