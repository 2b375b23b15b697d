"""How a prompt is read: sounds, materials, qualities, what is refused, what is unknown."""

from __future__ import annotations

import itertools

import pytest
from footfall_engine.models.procedural import lexicon
from footfall_engine.models.procedural.families import FAMILIES
from footfall_engine.models.procedural.prompt import (
    AMBIENCE_UNDER_HITS_DB,
    Reading,
    phrase_key,
    plain_forms,
    read_prompt,
)
from footfall_engine.models.procedural.voice import Manner, Role
from hypothesis import given, settings
from hypothesis import strategies as st

BY_NAME = {family.name: family for family in FAMILIES}


def read(prompt: str, negative: str = "") -> Reading:
    return read_prompt(prompt, negative, FAMILIES)


def names(prompt: str, negative: str = "") -> list[str]:
    return [layer.family.name for layer in read(prompt, negative).layers]


def manner(prompt: str, negative: str = "") -> Manner:
    return read(prompt, negative).layers[0].manner


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_familys_own_name_reads_as_that_family(family):
    reading = read(family.name)
    assert [layer.family for layer in reading.layers] == [family]
    assert reading.warnings == ()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_word_of_a_family_names_it_unless_an_earlier_family_has_it(family):
    earlier = {phrase_key(word) for other in FAMILIES[: FAMILIES.index(family)] for word in (other.name, *other.words)}
    strays = [word for word in family.words if phrase_key(word) not in earlier and names(word) != [family.name]]
    assert strays == []


def test_few_words_belong_to_two_families():
    claims = [(phrase_key(word), family.name) for family in FAMILIES for word in {*family.words, family.name}]
    owners = {key: {name for _, name in group} for key, group in itertools.groupby(sorted(claims), lambda c: c[0])}
    assert {" ".join(key) for key, own in owners.items() if len(own) > 1} <= {"tap"}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("boots on gravel, light rain", ["footsteps", "rain"]),
        ("boots on gravel – light rain", ["footsteps", "rain"]),
        ("FOOTSTEPS!!!", ["footsteps"]),
        ("rain and thunder, footsteps in the snow", ["rain", "thunder", "footsteps"]),
        ("footsteps rain thunder", ["footsteps", "rain", "thunder"]),
        ("distant thunder over footsteps", ["thunder", "footsteps"]),
        ("a man walking in the rain", ["footsteps", "rain"]),
        ("metal hammer on stone", ["metal impact"]),
        ("hammer hitting an anvil", ["metal impact"]),
        ("wooden door creaking", ["door"]),
        ("car door slam", ["door"]),
        ("car engine idling", ["engine"]),
        ("glass bottle breaking on concrete", ["glass break"]),
        ("paper tearing", ["tear"]),
        ("crackling fire", ["fire"]),
        ("someone knocked on a wooden door", ["knock"]),
        ("horse galloping on cobblestones", ["hooves"]),
        ("plates and cutlery", ["ceramic impact", "metal impact"]),
        ("the sound of footsteps on tiles", ["footsteps"]),
        ("water dripping into a sink", ["drip"]),
    ],
)
def test_prompts_read_as_an_editor_means_them(prompt, expected):
    assert names(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("chopping vegetables with a knife on a wooden board", ["wood impact"]),
        ("chopping with a knife on a metal plate", ["wood impact"]),
        ("hitting wood with a hammer", ["wood impact"]),
        ("hitting with a hammer", ["metal impact"]),
        ("hitting on the table with a hammer", ["metal impact"]),
        ("scraping with a metal tool", ["scrape"]),
        ("drumming with wooden sticks in a hall, rain", ["drum", "rain"]),
        ("tapping the table with a pen", ["knock"]),
        ("breaking a window with a brick", ["glass break"]),
        ("typing on a keyboard with two hands", ["keyboard"]),
        ("hitting wood with a hammer in the rain", ["wood impact", "rain"]),
    ],
)
def test_a_tool_makes_the_sound_before_it_and_none_of_its_own(prompt, expected):
    assert names(prompt) == expected
    assert read(prompt).warnings == ()


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("footsteps with a bell", ["footsteps", "bell"]),
        ("walking with jingling keys", ["footsteps", "jingle"]),
        ("walking with a stick", ["footsteps", "wood impact"]),
        ("rain with thunder", ["rain", "thunder"]),
        ("chopping wood with birds and wind", ["wood impact", "wind"]),
        ("hitting a tennis ball with a bat", ["bounce", "wood impact"]),
        ("a knife, a hammer", ["metal impact"]),
        ("a man with a hammer", ["metal impact"]),
    ],
)
def test_with_something_else_than_the_tool_of_a_sound_names_another_sound(prompt, expected):
    assert names(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("drummer, snare and hi-hat", ["drum", "metal impact"]),
        ("tennis racket hitting a ball", ["plastic impact"]),
        ("turning on the lamp", ["switch"]),
        ("conveyor belt running", ["roll"]),
        ("bottles on a conveyor belt", ["glass impact"]),
        ("cutting vegetables in a kitchen", ["wood impact"]),
        ("a crowd of runners", ["footsteps"]),
        ("running water", ["pour"]),
        ("car engine running", ["engine"]),
        ("plastic bag", ["paper"]),
        ("coffee cup on a table", ["ceramic impact"]),
        ("sharpening a knife", ["scrape"]),
        ("sword fight", ["metal impact"]),
        ("footsteps in a car park", ["footsteps"]),
        ("waiting at a bus stop, rain", ["rain"]),
        ("eating cereal at the breakfast counter", ["crunch"]),
        ("buckling a seat belt", ["switch"]),
        ("skater climbing the stairs", ["footsteps"]),
        ("ice skating", ["scrape"]),
        ("pulling the hand brake", ["switch"]),
        ("a hand puts a cup on a shelf", ["ceramic impact"]),
        ("wind in a palm tree", ["wind"]),
        ("hands clapping", ["skin impact"]),
        ("reloading a gun", ["switch"]),
        ("an electric fan", ["machine hum"]),
        ("wiping a window with a cloth", ["scrape"]),
    ],
)
def test_everyday_shots_are_understood_without_a_remark(prompt, expected):
    assert names(prompt) == expected
    assert read(prompt).warnings == ()


@pytest.mark.parametrize(
    "word", ["breathing", "traffic", "siren", "piano", "applause", "mooing", "airplane", "scissors"]
)
def test_what_no_family_can_play_is_said_and_not_replaced(word):
    reading = read(f"footsteps, {word}")
    assert [layer.family.name for layer in reading.layers] == ["footsteps"]
    assert [code for code, _ in reading.warnings] == ["unknown_word"] and f"'{word}'" in reading.warnings[0][1]


def test_a_tools_qualities_are_those_of_the_sound_it_makes():
    assert manner("rain, chopping wood with a heavy axe").effort == 0
    assert read("rain, chopping wood with a heavy axe").layers[1].manner.effort > 0
    assert names("chopping wood with an axe", negative="hitting wood with an axe") == []


@pytest.mark.parametrize(
    ("prompt", "material"),
    [
        ("boots on gravel", "gravel"),
        ("walking slowly on a wooden floor", "wood"),
        ("wooden boots on metal", "metal"),
        ("footsteps, gravel", "gravel"),
        ("gravel", "gravel"),
        ("door slam", "slam"),
        ("footsteps", BY_NAME["footsteps"].default_variant),
    ],
)
def test_the_surface_is_understood(prompt, material):
    assert manner(prompt).material == material


def test_plural_and_verb_forms_are_one_word():
    for form in ("knock", "knocks", "knocked", "knocking"):
        assert names(f"someone {form}") == ["knock"]
    assert "drip" in plain_forms("dripping")
    assert "type" in plain_forms("typing")
    assert "heavy" in plain_forms("heavily")


def test_adjectives_become_manner():
    assert manner("heavy boots").effort > 0 > manner("light boots").effort
    assert manner("huge bell").size > 0 > manner("tiny bell").size
    assert manner("slow boots").speed < 0
    assert manner("walking quickly").speed > 0
    assert manner("distant thunder").distance > 0.5
    assert manner("thunder in the distance").distance > 0.5
    assert manner("wet footsteps").wetness > 0.5
    assert manner("muffled punch").brightness < 0 < manner("sharp punch").brightness
    assert manner("quiet footsteps").gain_db < 0 < manner("loud footsteps").gain_db
    assert manner("footsteps in a cathedral").room > manner("footsteps in a bathroom").room > 0


def test_strength_words_scale_the_quality_that_follows():
    assert manner("slightly heavy boots").effort < manner("heavy boots").effort < manner("very heavy boots").effort
    assert manner("not loud boots").gain_db < 0
    assert manner("extremely distant thunder").distance == 1.0


def test_what_is_said_of_the_room_is_not_said_of_the_sound():
    assert manner("footsteps in a small dark room").size == 0
    assert manner("footsteps in a small dark room").brightness == 0


def test_qualities_said_apart_colour_the_sounds_before_them_or_the_one_after():
    assert manner("a door closes, slow and heavy").speed < 0
    assert manner("loud and heavy boots").gain_db > 0
    assert [layer.manner.effort > 0 for layer in read("boots, heavy").layers] == [True]


def test_the_scene_shares_the_room_of_its_last_sound():
    boots, door = read("boots on gravel, door slam in a cathedral").layers
    assert boots.manner.room == door.manner.room == 1.0


def test_qualities_alone_are_kept_for_whatever_will_sound():
    reading = read("distant and muffled")
    assert reading.layers == ()
    assert reading.qualities["distance"] > 0 > reading.qualities["brightness"]


def test_a_negative_prompt_removes_layers():
    assert names("footsteps, rain, wind", negative="rain, wind") == ["footsteps"]
    assert names("footsteps, rain, wind", negative="ambience") == ["footsteps"]
    assert names("footsteps, rain", negative="no rain") == ["footsteps"]


def test_no_and_without_inside_a_prompt_remove_too():
    assert names("footsteps without rain") == ["footsteps"]
    assert names("boots without squeak or rain, wind") == ["footsteps", "wind"]
    assert names("footsteps, no music") == ["footsteps"]
    assert read("footsteps, no music").warnings == ()


def test_a_negative_prompt_removes_qualities():
    layer = read("footsteps in a cathedral", negative="reverb").layers[0]
    assert layer.manner.room == 0 and layer.dry
    assert read("footsteps with no reverb").layers[0].dry
    assert manner("footsteps", negative="harsh").brightness < 0
    assert manner("footsteps", negative="loud").gain_db < 0
    assert manner("footsteps", negative="bass").brightness > 0
    assert manner("distant footsteps", negative="distant").distance == 0


def test_a_negative_prompt_that_leaves_nothing_says_so():
    reading = read("rain", negative="rain")
    assert reading.layers == () and reading.silenced
    assert [code for code, _ in reading.warnings] == ["nothing_left"]


def test_unknown_words_are_said_and_the_rest_still_sounds():
    reading = read("boots on gravel, zither, gravle")
    assert [layer.family.name for layer in reading.layers] == ["footsteps"]
    ((code, sentence),) = reading.warnings
    assert code == "unknown_word"
    assert "'zither'" in sentence and "'gravle' (perhaps 'gravel')" in sentence


def test_a_material_that_a_sound_does_not_know_is_said():
    ((code, sentence),) = read("footsteps on cotton").warnings
    assert code == "unknown_material" and "'cotton'" in sentence
    assert read("wooden door").warnings == ()


def test_people_places_and_small_words_pass_in_silence():
    assert read("a man and the woman, they are walking in the park").warnings == ()


def test_who_is_alone_in_a_prompt_is_reported():
    assert "'man'" in read("a man").warnings[0][1]


def test_ambience_steps_back_beside_hits_and_not_alone():
    assert [layer.level_db for layer in read("boots, rain").layers] == [0.0, AMBIENCE_UNDER_HITS_DB]
    assert read("rain").layers[0].level_db == 0.0


def test_layers_of_one_family_are_told_apart():
    assert [layer.copy for layer in read("boots on gravel, high heels on wood").layers] == [0, 1]


def test_an_empty_prompt_reads_as_nothing():
    for prompt in ("", "  ", ",,;", "123", "🙂"):
        assert read(prompt) == Reading((), (), {})


def test_the_qualities_table_stays_within_the_limits_of_a_manner():
    for word, effects in lexicon.QUALITIES.items():
        for name, value in effects.items():
            assert abs(value) <= (20 if name == "gain_db" else 1), word


SAID = {word for family in FAMILIES for word in family.words}
TABLES = (lexicon.QUALITIES, lexicon.MATERIALS, lexicon.OPENERS, lexicon.STRENGTHS, lexicon.NEGATIONS)
words = st.sampled_from(sorted(SAID.union(*TABLES, ("and", ",", "zither", "the", "–"))))


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=200), st.lists(words, max_size=20).map(" ".join)), st.text(max_size=60))
def test_any_text_reads_and_every_manner_is_within_its_limits(prompt, negative):
    for layer in read(prompt, negative).layers:
        played = layer.manner
        assert all(-1 <= value <= 1 for value in (played.size, played.effort, played.speed, played.brightness))
        assert all(0 <= value <= 1 for value in (played.distance, played.wetness, played.room))
        assert -30 <= played.gain_db <= 12
        assert played.material in ("", *layer.family.variants)
        assert layer.family.role in Role
