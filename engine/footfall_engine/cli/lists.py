"""`footfall models` and `footfall families`: what there is to choose from."""

from __future__ import annotations

from footfall_bridge import messages

from footfall_engine.cli import options
from footfall_engine.cli.console import answer_json, answer_table, reported


@reported
def models(as_json: options.Json = False) -> None:
    """List the models, and what their code and weights may be used for."""
    from footfall_engine.models.registry import list_models

    listed = list_models().models
    if as_json:
        answer_json({"models": [messages.to_fields(model) for model in listed]})
        return
    rows = [
        [
            model.name, f"{model.sample_rate / 1000:g} kHz", f"{model.span_seconds:g} s", f"{model.memory_mb} MB",
            ", ".join(model.controls), model.code_licence, model.weights_licence, "yes" if model.present else "not yet",
        ]
        for model in listed
    ]  # fmt: skip
    answer_table(["model", "rate", "span", "memory", "takes", "code", "weights", "here"], rows)


@reported
def families(as_json: options.Json = False) -> None:
    """List the sounds that the procedural model knows, and the words for them."""
    from footfall_engine.models.procedural.families import FAMILIES

    if as_json:
        answer_json(
            {
                "families": [
                    {
                        "name": family.name, "role": family.role.value, "words": list(family.words),
                        "variants": list(family.variants), "about": family.about,
                    }
                    for family in FAMILIES
                ]
            }
        )  # fmt: skip
        return
    rows = [
        [family.name, family.role.value, ", ".join(family.words), ", ".join(family.variants), family.about]
        for family in FAMILIES
    ]
    answer_table(["family", "driven by", "words", "kinds", "about"], rows)
