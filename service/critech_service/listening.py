"""Where the service listens: loopback, another address, a UNIX socket; in the clear or by TLS."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path

from critech.errors import InputError
from critech_service.settings import Settings

BACKLOG = 2_048


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address. A name other than ``localhost`` is not
    looked up and counts as reachable."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_exposed(settings: Settings) -> bool:
    """Return whether other machines can reach the service."""
    return settings.uds is None and not is_loopback(settings.host)


def check_exposure(settings: Settings, has_keys: bool) -> None:
    """Raise InputError where other machines could use the service without a key."""
    if is_exposed(settings) and not has_keys and not settings.insecure_no_keys:
        raise InputError(
            "setting host",
            "other machines could use the service without a key; make keys by `critech keys "
            "create` and name their file in CRITECH_KEYS_FILE, or listen on 127.0.0.1 or --uds, "
            "or say --insecure-no-keys (CRITECH_INSECURE_NO_KEYS=true)",
        )


def check_tls(settings: Settings) -> None:
    """Raise InputError where certificate and key are not both there and of one pair."""
    if (settings.tls_cert is None) != (settings.tls_key is None):
        missing = "tls_cert" if settings.tls_cert is None else "tls_key"
        raise InputError(f"setting {missing}", "certificate and key belong together")
    if settings.tls_cert is None or settings.tls_key is None:
        return
    for name in ("tls_cert", "tls_key"):
        if not os.access(getattr(settings, name), os.R_OK):
            raise InputError(f"setting {name}", "the file cannot be read")
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.tls_cert, settings.tls_key, "")  # "": never ask
    except (OSError, ssl.SSLError):
        raise InputError(
            "setting tls_cert", "certificate and key are no unencrypted PEM files of one pair"
        ) from None


@contextlib.contextmanager
def unix_socket(path: Path, mode: int) -> Iterator[socket.socket]:
    """Yield a socket bound to a path, never for a moment more open than ``mode``; remove it in the
    end. A socket left over by a killed server is replaced."""
    _make_way(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o777 & ~mode)
    try:
        listener.bind(str(path))
        listener.listen(BACKLOG)  # who comes before the server is ready waits
    except OSError as error:
        listener.close()
        raise InputError("setting uds", f"cannot listen there ({error})") from None
    finally:
        os.umask(umask)
    made = path.stat().st_ino
    try:
        yield listener
    finally:
        listener.close()
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_ino == made:
                path.unlink()


def _make_way(path: Path) -> None:
    try:
        found = path.stat()
    except OSError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise InputError("setting uds", "something that is no socket has this path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        except OSError as error:
            raise InputError("setting uds", f"cannot listen there ({error})") from None
        else:
            raise InputError("setting uds", "another server listens there")
