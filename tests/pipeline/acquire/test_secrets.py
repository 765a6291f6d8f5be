"""An address with a password and a token: the download has them, and nothing that is shared does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from makers import config, video
from servers import WebServer

from fimad.pipeline.build import build
from fimad.pipeline.state.secrets import Secrets
from fimad.pipeline.state.workspace import Workspace

STAGES = ["fimad.pipeline.stages.download:DownloadStage", "fimad.pipeline.stages.segment:SegmentStage"]


def test_no_secret_is_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    site_folder = tmp_path / "site"
    site_folder.mkdir()
    video(site_folder / "squat.mp4", 3, tone=False)
    with WebServer(site_folder) as site:
        good = (
            site.url.replace("//", "//ann:s3cret@")
            + "/squat.mp4?token=s3cret&v=1&auth_key=17-s3cret;rlkey=s3cret&next=https%3A%2F%2Fann%3As3cret%40b.example%2F"
        )
        gone = site.url + "/status/404/x.mp4?q='x'&X-Amz-Signature=s3cret"
        refused = "ftp://ann:s3cret@a.example/x.mp4"
        listed = tmp_path / "list.txt"
        listed.write_text(f"{good}\n{gone}\n{refused}\n")
        settings = config(
            workspace=str(tmp_path / "w"), dataset=str(tmp_path / "d"), run={"workers": 0, "attempts": 1},
            http={"videos_per_hour": 1e9, "host_spacing_s": 0},
        )  # fmt: skip
        summary = build(settings, [str(listed), good], stage_paths=STAGES)
        assert summary.stages["download"]["done"] == 1, summary
        assert summary.failed == 1
        assert "s3cret" not in repr(summary)
        # A later run that names nothing still has what it needs.
        workspace = Workspace(str(tmp_path / "w"))
        assert good in [each.location for each in workspace.videos()]
        again = build(settings.model_copy(update={"dataset": str(tmp_path / "d2")}), stage_paths=STAGES)
        assert again.stages["download"]["done_before"] == 1
    private = Secrets(workspace.url).path
    assert "s3cret" in private.read_text()
    assert os.stat(private).st_mode & 0o077 == 0
    shared = [path for name in ("w", "d", "d2") for path in (tmp_path / name).rglob("*") if path.is_file()]
    assert [path for path in shared if path.suffix == ".parquet"]
    assert [str(path) for path in shared if b"s3cret" in path.read_bytes() or "s3cret" in path.name] == []
