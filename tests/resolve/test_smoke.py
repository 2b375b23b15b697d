"""The script that a person runs in the real Resolve: in the pretended one it finds everything as we believe it is."""

from __future__ import annotations

import json

import pytest

from tests.resolve.studio import Studio

CHECKS = ["timeline", "stems", "tracks", "item", "recording", "overlap", "marks", "markers", "playhead", "delete"]


@pytest.mark.parametrize("rate", ["24", "23.976", "29.97 DF", "50"])
def test_everything_is_as_expected_and_nothing_is_left(tmp_path, engine, rate: str):
    studio = Studio(tmp_path / "resolve", engine.settings, rate)
    studio.add_timeline(rate, 0)
    before = json.dumps([studio.world[key] for key in ("timelines", "clips", "project", "page", "bin")])
    studio.run("Smoke Test", console=True)
    for check in [*CHECKS, "engine", "cleaning up"]:
        assert f"ok     {check}: " in studio.printed, studio.printed
    assert json.dumps([studio.world[key] for key in ("timelines", "clips", "project", "page", "bin")]) == before


def test_what_is_otherwise_is_said_and_the_rest_is_tried(studio: Studio):
    studio.world["quirks"] = {"lands_late": 1}
    studio.run("Smoke Test", console=True)
    assert "DIFFERENT stems: [" in studio.printed
    assert "ok     markers: " in studio.printed
    assert "ok     cleaning up: nothing is left" in studio.printed


def test_without_a_project_it_says_so(studio: Studio):
    studio.world["project"] = None
    studio.run("Smoke Test", console=True)
    assert "FAILED resolve: No project is open" in studio.printed
