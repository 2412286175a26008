"""The repository names no machine of its authors."""

from __future__ import annotations

import ipaddress
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cnlu.bundled import BUNDLED
from cnlu_pretrain.similar.table import BUNDLED_TABLE
from tests.places import CHECKOUT

HOME = re.compile(r"(?<![\w.:/])/(?:root|home/\w+|Users/\w+|work|mnt/\w+)/[\w.]")
HOST = re.compile(r"\w+://(?:[^\s/@\"'<>]*@)?([^\s/:\"'`<>)\]}]+)")
ADDRESS = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]\d)")
PRIVATE_NAME = re.compile(r"\.(?:internal|local|lan|corp|intranet|svc)$", re.IGNORECASE)


def findings(text: str) -> list[str]:
    """The home-like paths and the private hosts or addresses in `text`; loopback is neither."""
    found = [match[0] for match in HOME.finditer(text)]
    found += [match[1] for match in HOST.finditer(text) if PRIVATE_NAME.search(match[1])]
    for match in ADDRESS.finditer(text):
        try:
            address = ipaddress.ip_address(match[0])
        except ValueError:
            continue
        if address.is_private and not address.is_loopback and not address.is_unspecified:
            found.append(match[0])
    return found


@pytest.mark.parametrize(
    "text",
    [
        "see " + "/ro" + "ot/x",
        "model = '/ho" + "me/li/cnlu'",
        "http://pypi.cor" + "p.local/simple",
        "index 10" + ".1.2.3",
        "//" + "192.168" + ".0.7:80",
    ],
)
def test_the_search_sees(text: str) -> None:
    assert findings(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:5005",
        "out/railway",
        "http://localhost/x",
        "numpy 1.23.5",
        "a/work/b",
        "0.0.0.0",
        "https://www.apache.org/licenses/",
    ],
)
def test_the_search_does_not_see_what_is_not_there(text: str) -> None:
    assert not findings(text)


@pytest.fixture
def tracked(checkout: Path) -> list[Path]:
    """The files under version control."""
    git = shutil.which("git")
    if not git or not (checkout / ".git").exists():
        pytest.skip("not a git checkout: what is tracked is unknown")
    listed = subprocess.run([git, "-C", str(checkout), "ls-files", "-z"], capture_output=True, check=True)
    paths = [checkout / name for name in listed.stdout.decode("utf-8").split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_no_tracked_file_names_a_home_folder_or_a_private_host(tracked: list[Path]) -> None:
    seen = []
    for path in tracked:
        content = path.read_bytes()
        if b"\0" not in content[:8000]:
            seen += [f"{path}: {what}" for what in findings(content.decode("utf-8", "replace"))]
    assert not seen


def test_what_is_tracked_was_written_by_hand(tracked: list[Path]) -> None:
    """Caches, models and other programs' leavings are large or binary; so are the documents' few small pictures and the
    compiled catalogue, which another test compares with its source, the weights of the bundled encoder, and the table
    of similar words.
    """
    bundled = (CHECKOUT / "cnlu" / "encoder" / BUNDLED / "model.safetensors", BUNDLED_TABLE)
    tracked = [path for path in tracked if path not in bundled]
    assert not [path for path in tracked if path.stat().st_size > 300_000]
    written = [path for path in tracked if not (path.suffix == ".png" and path.parts[-3:-1] == ("docs", "images"))]
    assert not [path for path in written if path.name != "cnlu.mo" and b"\0" in path.read_bytes()]
