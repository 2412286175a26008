"""What the two hubs, Hugging Face and ModelScope, have in common: endpoints, timeouts, and the errors of a download."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import TypeVar

from cnlu.errors import UsageError
from cnlu.i18n import _

HUB_TIMEOUT = 3.0
"""Seconds to wait for a hub's first response; the download itself has the client's own timeouts."""
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)

Result = TypeVar("Result")


def is_installed(package: str) -> bool:
    """Whether a package can be imported; does not import it."""
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def hugging_face_endpoint() -> str:
    """The address of the Hugging Face hub, or the mirror that HF_ENDPOINT names."""
    try:
        from huggingface_hub import constants
    except ImportError:
        return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    return constants.ENDPOINT


def is_hugging_face_offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids to ask the Hugging Face hub."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def modelscope_endpoint() -> str:
    """The address of ModelScope, or the one that MODELSCOPE_ENDPOINT names."""
    endpoint = os.environ.get("MODELSCOPE_ENDPOINT", "").strip() or "https://modelscope.cn"
    return (endpoint if endpoint.lower().startswith(("http://", "https://")) else f"https://{endpoint}").rstrip("/")


def failure_to_reach(endpoint: str, seconds: float) -> str | None:
    """Why no HTTP server answers at `endpoint` within `seconds`, or None if one does, whatever it answers."""

    def ask() -> None:
        request = urllib.request.Request(endpoint, method="HEAD", headers={"User-Agent": "cnlu"})
        with urllib.request.urlopen(request, timeout=seconds):
            pass

    try:
        call_with_timeout(seconds, ask)
    except urllib.error.HTTPError:
        return None
    except urllib.error.URLError as error:
        # The clients bring certificates of their own; a server that shows an unknown one has answered.
        cause = error.reason if isinstance(error.reason, Exception) else error
        return None if isinstance(cause, ssl.SSLCertVerificationError) else first_line(cause)
    except Exception as error:  # network failures have no common class
        return first_line(error)
    return None


def fix_offline() -> str:
    """The ways to an encoder for a machine that does not reach the hub."""
    return _(
        "use the bundled encoder zh-mini; or name a mirror in HF_ENDPOINT, such as https://hf-mirror.com; or name the "
        "model on ModelScope as modelscope:OWNER/ID; or download it on a machine with a network (`cnlu encoder fetch`) "
        "and give its directory; or copy a filled cache and name it in HF_HOME (or HF_HUB_CACHE)"
    )


def raise_if_disk_error(error: BaseException, place: object) -> None:
    """Raises UsageError at `place` if a download failed because files cannot be written."""
    if isinstance(error, OSError) and error.errno in _DISK:
        problem = _("cannot be written there ({reason})", reason=error.strerror or first_line(error))
        raise UsageError(place, problem, _("free the disk, or name another place")) from error


@contextlib.contextmanager
def silent_log(package: str) -> Iterator[None]:
    """Silences the log of a client, which prints tracebacks of failures that it raises as well."""
    logger = logging.getLogger(package)
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def call_with_timeout(seconds: float, call: Callable[[], Result]) -> Result:
    """The result of the call. Raises TimeoutError after `seconds`, since a DNS lookup has no timeout of its own."""
    results: list[Result] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if failures:
        raise failures[0]
    if not results:
        raise TimeoutError(f"no answer within {seconds:g} seconds")
    return results[0]


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, at most 120 characters."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120].rstrip(".")
