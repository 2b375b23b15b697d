"""The table of models, and other people's rows in it."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import pytest
from footfall_bridge.errors import ModelFailed, UnknownModel
from footfall_bridge.messages import Generate
from footfall_engine.models import registry

FOREIGN_MODEL = """
    import numpy as np
    from footfall_engine.models.base import Generated
    from footfall_engine.models.registry import ModelRow

    class Beep:
        def generate(self, conditions, seeds, progress):
            samples = round(conditions.duration * 16_000)
            tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(samples) / 16_000)
            return Generated(np.tile(tone.astype(np.float32), (len(seeds), conditions.channels, 1)))

    row = ModelRow(
        name="beep", target="beep_model:Beep", about="one tone", sample_rate=16_000, span_seconds=4.0,
        overlap_seconds=0.5, batch=2, side_by_side=1, memory_mb=1,
        controls=frozenset(), code_licence="MIT", weights_licence="none",
    )
"""


def test_an_unknown_model_is_named_with_those_there_are():
    with pytest.raises(UnknownModel, match="no model 'wavenet'; there are procedural"):
        registry.model_row("wavenet")


def test_every_row_says_both_licences_and_only_known_controls():
    for row in registry.MODELS:
        assert row.code_licence and row.weights_licence
        assert row.controls <= set(registry.CONTROLS)


def test_a_row_whose_class_is_missing_fails_by_name(monkeypatch: pytest.MonkeyPatch):
    broken = dataclasses.replace(registry.MODELS[0], name="broken", target="footfall_engine.nowhere:Nothing")
    monkeypatch.setattr(registry, "all_rows", lambda: {"broken": broken})
    with pytest.raises(ModelFailed, match="broken cannot be loaded"):
        registry.load_model("broken")


def test_ignored_controls_are_said_only_when_they_are_set():
    row = registry.MODELS[0]
    ask = Generate(video="/a.mp4", stem_folder="/s", prompt="rain", guidance=3.0)
    assert registry.unhonoured(ask, row) == ["the model procedural does not take a guidance scale"]
    assert registry.unhonoured(Generate(video="/a.mp4", stem_folder="/s"), row) == []


def test_a_package_adds_a_model_by_an_entry_point_and_its_rate_and_batch_are_honoured(tmp_path: Path):
    """In a process of its own, as entry points are read once: a foreign 16 kHz model makes stems of 48 kHz."""
    package = tmp_path / "beep_model.py"
    package.write_text(textwrap.dedent(FOREIGN_MODEL))
    facts = tmp_path / "beep-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: beep\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[footfall.models]\nbeep = beep_model:row\n")
    (tmp_path / "script.py").write_text(
        textwrap.dedent("""
        import sys, threading
        from pathlib import Path
        import numpy as np
        from footfall_bridge import messages
        from footfall_engine import contacts, engine
        from footfall_engine.config import Settings
        from footfall_engine.media import wav
        folder = Path(sys.argv[1])
        contacts.render_clip(folder / "a.mp4", contacts.Scene(duration=6.0, width=160, height=90))
        heard = []
        request = messages.Generate(
            video=str(folder / "a.mp4"), stem_folder=str(folder), model="beep", variants=3, prompt="x"
        )
        settings = Settings.load({"FOOTFALL_HOME": str(folder / "home")})
        engine.run_in_process(request, heard.append, settings, threading.Event())
        stems = [event for event in heard if isinstance(event, messages.Stem)]
        assert sorted(stem.variant for stem in stems) == [1, 2, 3], heard
        assert any("does not take a prompt" in event.message for event in heard if isinstance(event, messages.Warned))
        for stem in stems:
            stem_facts = wav.read_facts(Path(stem.path))
            audio = wav.to_float(wav.read_pcm(stem_facts, 0, stem_facts.samples))
            assert audio.shape == (2, 6 * 48_000)
            spectrum = np.abs(np.fft.rfft(audio[0]))
            assert abs(np.argmax(spectrum) / 6 - 1000) < 1, "the tone must stay at 1 kHz"
            assert np.abs(audio[:, 4800:-4800]).reshape(2, -1, 480).max(axis=2).min() > 0.3, "a window's edge is silent"
    """)
    )
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py", tmp_path],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (["beep"], "TypeError: ['beep'] is no ModelRow"),
        (dataclasses.replace, "is no ModelRow"),
        (dataclasses.replace(registry.MODELS[0], target="mine:Mine"), "ValueError: procedural is the name of a model"),
    ],
)
def test_a_package_whose_row_is_none_or_takes_a_name_of_ours_is_left_out_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, row: object, fault: str
):
    point = types.SimpleNamespace(name="theirs", load=lambda: row)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    assert list(registry.all_rows.__wrapped__().values()) == list(registry.MODELS)
    assert "the model package theirs cannot be loaded" in caplog.text and fault in caplog.text
