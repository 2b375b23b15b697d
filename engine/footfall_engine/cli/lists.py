"""`footfall families`: what there is to choose from."""

from __future__ import annotations

from footfall_engine.cli import options
from footfall_engine.cli.console import answer_json, answer_table, reported


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
