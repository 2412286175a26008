"""The exporter of PyTorch logs nothing: what it says of its inner errors would reach a user who pressed Ctrl-C."""

from __future__ import annotations

import logging

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

from cnlu.export.onnx_export import _silent_exporter


def test_errors_inside_the_exporter_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with _silent_exporter():
        logging.getLogger("torch._subclasses.fake_tensor").error("fake tensor raised TypeError")
    assert not caplog.records


def test_logs_after_the_export_are_shown_again(caplog: pytest.LogCaptureFixture) -> None:
    with _silent_exporter():
        pass
    logging.getLogger("torch._subclasses.fake_tensor").error("shown")
    assert [record.message for record in caplog.records] == ["shown"]
