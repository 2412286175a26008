"""Download files of the Hugging Face hub into a folder, so that the next process continues after an interruption.

huggingface_hub itself continues within a process; what a killed process had received of a file is lost.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from cnlu.encoder.files import CARD_FILES, files_to_download
from cnlu.errors import DataError
from cnlu.i18n import _

INCOMPLETE = ".incomplete"
_BLOCK = 1 << 20


def download_files(model: Any, folder: Path) -> Path:
    """Download an encoder's files and its model card into `folder`; returns `folder`.

    `model` is a ModelInfo of huggingface_hub with the metadata of its files. Raises DataError for a file that differs
    from its checksum, and what huggingface_hub raises.
    """
    _discard_other_revision(folder, str(model.sha))
    files = {sibling.rfilename: sibling for sibling in model.siblings or []}
    for name in [*files_to_download(list(files)), *(name for name in files if name in CARD_FILES)]:
        if not (folder / name).exists():
            _download(model, files[name], folder / name)
    return folder


def _discard_other_revision(folder: Path, revision: str) -> None:
    """Deletes what was received of another revision of the model, whose files may differ."""
    note = folder / ".revision"
    if note.exists() and note.read_text("utf-8") != revision:
        for path in folder.iterdir():
            path.unlink()
    note.write_text(revision, "utf-8")


def _download(model: Any, file: Any, path: Path) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    incomplete = path.with_name(path.name + INCOMPLETE)
    incomplete.touch()
    with incomplete.open("r+b") as stream:
        if file.size is not None and stream.seek(0, os.SEEK_END) > file.size:
            stream.truncate(0)
        stream.seek(0, os.SEEK_END)
        http_get(
            hf_hub_url(model.id, file.rfilename, revision=model.sha),
            stream,
            resume_size=stream.tell(),
            headers=build_hf_headers(),
            expected_size=file.size,
        )
    expected = file.lfs.sha256 if file.lfs else None
    if expected and _sha256(incomplete) != expected:
        incomplete.unlink()
        raise DataError(path, _("the download differs from its checksum"), _("fetch it again"))
    incomplete.rename(path)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
