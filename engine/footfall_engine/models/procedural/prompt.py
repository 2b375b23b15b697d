"""Reads a prompt in layers: "heavy boots on gravel, light rain in the distance".

A prompt is cut into parts at commas, "and", "with", "+" and the like. In each part the longest word of a family that
stands before a preposition names the sound; what comes after it ("on gravel", "in a cathedral") names surface and
place. Adjectives add up to a Manner. A part with qualities alone ("…, heavy and slow") colours the layers before it, or
the one after it when it opens the prompt. A room said in the last sounding part is the room of all that is seen. A tool
("chopping with a knife") belongs to the sound it makes and is no layer of its own.

Words are also tried in their plain forms, so "knocked", "knocking" and "knocks" are one. All functions are pure, and no
text makes them raise.
"""

from __future__ import annotations

import difflib
import itertools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache

from footfall_engine.models.procedural import lexicon
from footfall_engine.models.procedural.voice import Family, Manner, Role

AMBIENCE_UNDER_HITS_DB = -7.0
MOTION_UNDER_HITS_DB = -2.0
MAX_LAYERS = 8
_LONGEST_PHRASE = 4  # words
_LISTED = "over"  # stands for the preposition between sounds that are named without any
_LIMITS = {"distance": (0.0, 1.0), "wetness": (0.0, 1.0), "room": (0.0, 1.0), "gain_db": (-30.0, 12.0)}
_LARGEST_COUNTS = ("distance", "room")
_SEPARATOR = re.compile(
    r"[,;.:!?|/+&\n\r()\[\]{}\"“”]+|\s[-–—]+\s|\b(?:and|with|then|plus|while|but|or|nor|no|without|minus)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


@dataclass(frozen=True)
class Layer:
    """One sound of a prompt."""

    family: Family
    manner: Manner
    text: str  # the part of the prompt it comes from
    level_db: float = 0.0  # its place beside the other layers
    dry: bool = False  # the negative prompt forbids any room
    copy: int = 0  # counts the layers of the same family


@dataclass(frozen=True)
class Reading:
    layers: tuple[Layer, ...]
    warnings: tuple[tuple[str, str], ...] = ()  # (code, sentence)
    qualities: Mapping[str, float] = field(default_factory=dict)  # said of no layer: they colour whatever sounds
    dry: bool = False
    silenced: bool = False  # sounds were asked for, and the negative prompt removes them all


@dataclass(frozen=True)
class Meaning:
    """All that a word or phrase may stand for; ``text`` is how a table spells it."""

    text: str = ""
    family: Family | None = None
    quality: str | None = None
    materials: tuple[str, ...] | None = None
    strength: float | None = None
    opener: bool = False
    ignorable: bool = False
    generic: bool = False
    tool: bool = False

    @property
    def role(self) -> Role | None:
        return self.family.role if self.family else None

    @property
    def only_sound(self) -> bool:
        return self.grade == 2

    @property
    def grade(self) -> int:
        """How surely it names a sound: 2 nothing else, 1 also a material or quality, 0 any other comes first."""
        if self.family is None or self.generic or self.ignorable:
            return 0
        return 2 if self.quality is None and self.materials is None else 1


UNKNOWN = Meaning()
_WITH = "with"


@dataclass(frozen=True)
class Word:
    """A word or phrase of a part with its meaning."""

    text: str
    count: int  # of single words
    meaning: Meaning


@dataclass
class Part:
    """One stretch of a prompt between two separators."""

    text: str
    joined_by: str  # the separator before it
    negated: bool
    words: tuple[Word, ...]
    sounds: list[Sound]
    effects: dict[str, float]
    materials: list[tuple[str, ...]]
    unknown: list[str]


@dataclass
class Sound:
    """A family named in a part, with what is said of it there."""

    family: Family
    effects: dict[str, float]
    materials: list[tuple[str, ...]]
    text: str


@lru_cache(maxsize=64)
def read_prompt(prompt: str, negative: str, families: tuple[Family, ...]) -> Reading:
    """The layers a prompt asks for, less what the negative prompt takes away."""
    vocabulary = _vocabulary(families)
    parts = _parts(prompt, vocabulary)
    refused = [part for part in parts if part.negated] + _parts(negative, vocabulary)
    wanted = [part for part in parts if not part.negated]
    sounds, loose = _gather(wanted)
    if not sounds:
        sounds = _sound_of_material(wanted, families)
    unplaced = [] if not sounds else _unknown_materials(sounds)
    layers = [_layer(sound) for sound in sounds[:MAX_LAYERS]]
    kept = _without(layers, refused)
    forbidden = _effects_of(refused)
    dry = forbidden.get("room", 0.0) > 0
    kept = [replace(layer, manner=_countered(layer.manner, forbidden), dry=dry) for layer in kept]
    warnings = _unknown_words(wanted, vocabulary) + unplaced
    if len(sounds) > MAX_LAYERS:
        warnings.append(
            ("too_many_layers", f"The prompt names {len(sounds)} sounds; the first {MAX_LAYERS} are played.")
        )
    if layers and not kept:
        warnings.append(("nothing_left", f"The negative prompt {negative.strip()[:80]!r} takes every layer away."))
    return Reading(
        layers=_balanced(_numbered(kept)),
        warnings=tuple(warnings),
        qualities=_less(loose, forbidden),
        dry=dry,
        silenced=bool(layers) and not kept,
    )


def manner_with(manner: Manner, effects: Mapping[str, float]) -> Manner:
    """A manner with effects added, every field within its limits."""
    values = {}
    for name, effect in effects.items():
        low, high = _LIMITS.get(name, (-1.0, 1.0))
        before = getattr(manner, name)
        after = max(before, effect) if name in _LARGEST_COUNTS and effect > 0 else before + effect
        values[name] = min(high, max(low, after))
    return replace(manner, **values)


@lru_cache(maxsize=65_536)
def plain_forms(word: str) -> tuple[str, ...]:
    """What a word may be a form of, the likeliest first: "dripping" → dripping, drip, dripp, drippe."""
    forms = [word, lexicon.IRREGULAR.get(word, word)]
    for suffix in ("ing", "ed"):
        rest = word.removesuffix(suffix)
        if rest != word and len(rest) >= 2 and re.search("[aeiouy]", rest):
            doubled = rest[-1] == rest[-2]
            forms += [rest[:-1], rest, rest + "e"] if doubled else [rest + "e", rest]
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        forms.append(word[:-1])
        forms += [word[:-3] + "y"] if word.endswith("ies") else [word[:-2]] if word.endswith("es") else []
    if word.endswith("ly") and len(word) > 4:
        forms += [word[:-2], word[:-3] + "y", word[:-1] + "e"]
    forms += [lexicon.IRREGULAR[form] for form in forms if form in lexicon.IRREGULAR]
    return tuple(dict.fromkeys(form for form in forms if len(form) > 1))


# ---- words


def _parts(text: str, vocabulary: Mapping[tuple[str, ...], Meaning]) -> list[Part]:
    """A prompt cut at its separators, every word looked up."""
    text = unicodedata.normalize("NFKC", text).casefold()
    parts: list[Part] = []
    end, joined_by = 0, ""
    cuts = [(match.start(), match.end(), match.group().strip()) for match in _SEPARATOR.finditer(text)]
    for start, next_end, separator in [*cuts, (len(text), len(text), "")]:
        before = parts[-1] if parts else None
        words = _look_up(_WORD.findall(text[end:start]), vocabulary)
        said = " ".join(text[end:start].split())
        if before and joined_by == _WITH and _is_tool_of(before, words):
            parts[-1] = _with_tool(before, said, words)
        elif words:
            parts.append(_part(said, joined_by, _is_negated(joined_by, before), words))
        end, joined_by = next_end, separator
    return parts


def _is_negated(joined_by: str, before: Part | None) -> bool:
    return joined_by in lexicon.NEGATIONS or (joined_by == "or" and before is not None and before.negated)


def _part(text: str, joined_by: str, negated: bool, words: tuple[Word, ...]) -> Part:
    part = Part(text, joined_by, negated, words, [], {}, [], [])
    _understand(part)
    return part


def _is_tool_of(part: Part, words: Sequence[Word]) -> bool:
    """Whether the words behind a "with" name what the last sound of a part is made with."""
    worked = bool(part.sounds) and part.sounds[-1].family.name in lexicon.WORKED
    phrase = next((phrase for phrase, _ in _phrases(words)), [])
    head = _head(phrase)
    tool = any(word.meaning.tool for word in phrase)
    return worked and tool and head is not None and (head.meaning.tool or not head.meaning.only_sound)


def _with_tool(part: Part, text: str, words: tuple[Word, ...]) -> Part:
    """The part with its tool, which names the sound where the action alone is a mere "hitting"."""
    place = next((at for at, word in enumerate(part.words) if _opens(word)), len(part.words))
    action, rest = part.words[:place], part.words[place:]
    if all(word.meaning.generic for word in action if word.meaning.family):
        together = (*action, *words, *rest)
    else:
        together = (*part.words, Word(_WITH, 1, Meaning(opener=True)), *words)
    return _part(f"{part.text} {_WITH} {text}", part.joined_by, part.negated, together)


def _look_up(tokens: Sequence[str], vocabulary: Mapping[tuple[str, ...], Meaning]) -> tuple[Word, ...]:
    """Words and phrases of a part, the longest phrase first."""
    tokens = [token for token in tokens if token not in lexicon.STOP_WORDS]
    words, at = [], 0
    while at < len(tokens):
        sizes = range(min(_LONGEST_PHRASE, len(tokens) - at), 0, -1)
        found = (_meaning(tokens[at : at + size], vocabulary) for size in sizes)
        count, meaning = next((each for each in found if each[1] is not UNKNOWN), (1, UNKNOWN))
        words.append(Word(" ".join(tokens[at : at + count]), count, meaning))
        at += count
    return tuple(words)


def _meaning(tokens: Sequence[str], vocabulary: Mapping[tuple[str, ...], Meaning]) -> tuple[int, Meaning]:
    """(number of words, what they mean together in any of their plain forms)."""
    known = (vocabulary.get(forms) for forms in itertools.product(*map(plain_forms, tokens)))
    return len(tokens), next((meaning for meaning in known if meaning is not None), UNKNOWN)


def _understand(part: Part) -> None:
    """Find the sounds of a part and what is said of each."""
    for phrase, opener in _phrases(part.words):
        head = _head(phrase)
        family = head.meaning.family if head else None
        if head and family and _is_layer(head.meaning, part, phrase, opener):
            part.sounds.append(Sound(family, dict(part.effects), list(part.materials), part.text))
            part.effects, part.materials = {}, []
        else:
            head = None
        _describe(part, phrase, head, opener)


def _is_layer(meaning: Meaning, part: Part, phrase: Sequence[Word], opener: str | None) -> bool:
    """Whether the head of a phrase sounds by itself; after a preposition it may be a mere place or surface."""
    if any(sound.family == meaning.family for sound in part.sounds):
        return False
    if part.sounds:
        return meaning.only_sound and (opener in lexicon.LAYERING or meaning.role is Role.AMBIENCE)
    surface = opener is not None and not meaning.only_sound
    return not (surface and _more_to_come(part, phrase))


def _more_to_come(part: Part, phrase: Sequence[Word]) -> bool:
    """Whether a sound of its own is named later in the part: "on gravel, boots"."""
    return any(word.meaning.only_sound for word in part.words[part.words.index(phrase[-1]) + 1 :])


def _phrases(words: Sequence[Word]) -> list[tuple[list[Word], str | None]]:
    """A part cut at its prepositions, and where an ambience follows another sound ("footsteps rain thunder")."""
    phrases: list[tuple[list[Word], str | None]] = [([], None)]
    listing = False
    for word in words:
        if _opens(word):
            phrases.append(([], word.text))
            listing = False
            continue
        before = [each.meaning for each in phrases[-1][0] if each.meaning.only_sound]
        after_hits = word.meaning.role is Role.AMBIENCE and any(each.role is Role.HITS for each in before)
        if word.meaning.only_sound and before and (listing or after_hits):
            phrases.append(([], _LISTED))
            listing = True
        phrases[-1][0].append(word)
    return [(phrase, opener) for phrase, opener in phrases if phrase]


def _opens(word: Word) -> bool:
    return word.meaning.opener and word.meaning.family is None


def _head(phrase: Sequence[Word]) -> Word | None:
    """The word that names the sound: rather not a material or a quality, then the longest, then the last."""
    named = [
        (word.meaning.grade, word.count, len(word.text), at) for at, word in enumerate(phrase) if word.meaning.family
    ]
    return phrase[max(named)[-1]] if named else None


def _describe(part: Part, phrase: Sequence[Word], head: Word | None, opener: str | None) -> None:
    """Add the qualities and materials of a phrase to the sound it belongs to, else to the part."""
    effects = part.sounds[-1].effects if part.sounds else part.effects
    materials = part.sounds[-1].materials if part.sounds else part.materials
    strength = 1.0
    is_place = opener is not None and any(_is_room(word) for word in phrase)
    for word in phrase:
        meaning = word.meaning
        if word is head:
            continue
        if meaning is UNKNOWN:
            part.unknown.append(word.text)
        elif meaning.strength is not None:
            strength *= meaning.strength
        elif meaning.quality is not None:
            said = {name: value * strength for name, value in lexicon.QUALITIES[meaning.quality].items()}
            _add(effects, _of_place(said) if is_place else said)
            strength = 1.0
        elif meaning.materials:
            # What stands behind a preposition is struck or walked on, and counts before what does the striking.
            materials.insert(0 if opener else len(materials), meaning.materials)
    if head and head.meaning.materials:
        materials.append(head.meaning.materials)


def _is_room(word: Word) -> bool:
    quality = word.meaning.quality
    return quality is not None and lexicon.QUALITIES[quality].get("room", 0) > 0


def _of_place(effects: Mapping[str, float]) -> dict[str, float]:
    """What a quality says of a place, not of the sound in it: "in a small, dark room"."""
    return {name: value for name, value in effects.items() if name in _LARGEST_COUNTS}


@lru_cache(maxsize=8)
def _vocabulary(families: tuple[Family, ...]) -> dict[tuple[str, ...], Meaning]:
    """Every word or phrase that is known; of two families with one word the first has it."""
    found: dict[tuple[str, ...], Meaning] = {}

    def learn(phrase: str, **what: object) -> None:
        key = phrase_key(phrase)
        if not key:
            return
        known = found.get(key, Meaning(phrase))
        # `what` names fields of Meaning; one that is known already stays.
        found[key] = replace(known, **{k: v for k, v in what.items() if not getattr(known, k)})  # type: ignore[arg-type]

    for phrase, strength in lexicon.STRENGTHS.items():
        learn(phrase, strength=strength)
    for phrase in lexicon.OPENERS:
        learn(phrase, opener=True)
    for phrase in lexicon.AGENTS | lexicon.PLACES | lexicon.THINGS | lexicon.VERBS:
        learn(phrase, ignorable=True)
    for phrase in lexicon.QUALITIES:
        learn(phrase, quality=phrase)
    for phrase, materials in lexicon.MATERIALS.items():
        learn(phrase, materials=materials)
    for variant in sorted({variant for family in families for variant in family.variants}):
        learn(variant, materials=(variant, *lexicon.MATERIALS.get(variant, ())))
    for family in families:
        for phrase in (family.name, *family.words):
            learn(phrase, family=family)
    for phrase in lexicon.GENERIC:
        if phrase_key(phrase) in found:
            learn(phrase, generic=True)
    for phrase in lexicon.TOOLS:
        if phrase_key(phrase) in found:
            learn(phrase, tool=True)
    for (word, *rest), meaning in list(found.items()):
        for plain in plain_forms(word)[1:] if not rest and meaning.family else ():
            base = found.get((plain,), Meaning())
            if base.family in (None, meaning.family):  # "creaking" is as little a sure sound as "creak"
                learn(word, quality=base.quality, materials=base.materials, generic=base.generic)
    return found


def phrase_key(phrase: str) -> tuple[str, ...]:
    """Words of a phrase, stop words left out."""
    return tuple(token for token in _WORD.findall(phrase.casefold()) if token not in lexicon.STOP_WORDS)


# ---- layers


def _gather(parts: Sequence[Part]) -> tuple[list[Sound], dict[str, float]]:
    """Sounds of all parts; qualities said apart go to the sounds before them, else to the first one after."""
    sounds: list[Sound] = []
    waiting: dict[str, float] = {}
    for at, part in enumerate(parts):
        if part.sounds:
            _add(part.sounds[0].effects, waiting)
            waiting = {}
            sounds += part.sounds
            continue
        if part.unknown:  # its qualities are those of something that is not played
            part.effects = {name: value for name, value in part.effects.items() if name == "room"}
        leads_on = any(later.sounds for later in parts[at + 1 : at + 2]) and parts[at + 1].joined_by in ("and", "but")
        if not sounds or leads_on:
            _add(waiting, part.effects)
            continue
        for sound in sounds:
            _add(sound.effects, part.effects)
        if part.materials:
            sounds[-1].materials[:0] = part.materials
    sounds = _merged(sounds)
    if sounds:
        _share_room(sounds)
    return sounds, waiting


def _merged(sounds: Sequence[Sound]) -> list[Sound]:
    """A sound named twice, the one time without a word about it, is one sound: "footsteps, boots on gravel"."""
    merged: list[Sound] = []
    for sound in sounds:
        same = next((each for each in merged if each.family == sound.family and _is_plain(each, sound)), None)
        if same is None:
            merged.append(sound)
        else:
            _add(same.effects, sound.effects)
            same.materials += sound.materials
    return merged


def _is_plain(*sounds: Sound) -> bool:
    return any(not sound.effects and not sound.materials for sound in sounds)


def _share_room(sounds: Sequence[Sound]) -> None:
    """One place for a scene: the room of the last sound holds for every other that is seen and has none."""
    room = sounds[-1].effects.get("room", 0.0)
    if room > 0:
        for sound in sounds:
            if sound.family.role is not Role.AMBIENCE:
                sound.effects.setdefault("room", room)


def _sound_of_material(parts: Sequence[Part], families: Iterable[Family]) -> list[Sound]:
    """For a prompt that names a surface and no sound ("gravel"): the first family that knows it."""
    for part in parts:
        for names in part.materials:
            for family in families:
                if set(names) & set(family.variants):
                    return [Sound(family, dict(part.effects), [names], part.text)]
    return []


def _layer(sound: Sound) -> Layer:
    material = _material(sound) or sound.family.manner.material or sound.family.default_variant
    manner = manner_with(sound.family.manner, sound.effects)
    return Layer(sound.family, replace(manner, material=material), sound.text)


def _material(sound: Sound) -> str:
    """The first material said that the family knows."""
    known = sound.family.variants
    return next((name for names in sound.materials for name in names if name in known), "")


def _numbered(layers: Sequence[Layer]) -> list[Layer]:
    """Layers of one family told apart by a count, so that each has a randomness of its own."""
    seen: dict[str, int] = {}
    numbered = []
    for layer in layers:
        copy = seen.get(layer.family.name, 0)
        seen[layer.family.name] = copy + 1
        numbered.append(replace(layer, copy=copy))
    return numbered


def _balanced(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Ambience and movement step back where something is struck."""
    if not any(layer.family.role is Role.HITS for layer in layers):
        return tuple(layers)
    behind = {Role.HITS: 0.0, Role.MOTION: MOTION_UNDER_HITS_DB, Role.AMBIENCE: AMBIENCE_UNDER_HITS_DB}
    return tuple(replace(layer, level_db=behind[layer.family.role]) for layer in layers)


# ---- the negative prompt


def _without(layers: Sequence[Layer], refused: Sequence[Part]) -> list[Layer]:
    """Layers that no refused part names, by family or by kind."""
    names = {name for part in refused for name in _named(part)}
    roles = {role for part in refused for role in _roles(part)}
    return [layer for layer in layers if layer.family.name not in names and layer.family.role not in roles]


def _named(part: Part) -> set[str]:
    """Families a refused part names; a mere material counts only when nothing else is named."""
    meanings = [word.meaning for word in part.words if word.meaning.family]
    strong = [meaning for meaning in meanings if meaning.only_sound] or meanings
    return {meaning.family.name for meaning in strong if meaning.family is not None}


def _roles(part: Part) -> set[Role]:
    text = f" {part.text} "
    return {role for word, role in lexicon.NEGATIVE_ROLES.items() if f" {word} " in text}


def _effects_of(parts: Sequence[Part]) -> dict[str, float]:
    effects: dict[str, float] = {}
    for part in parts:
        for said in (part.effects, *(sound.effects for sound in part.sounds)):
            _add(effects, said)
    return effects


def _countered(manner: Manner, forbidden: Mapping[str, float]) -> Manner:
    """The other way from what is forbidden: "reverb" leaves no room, "harsh" makes duller, "loud" quieter."""
    values = {}
    for name, effect in forbidden.items():
        low, high = _LIMITS.get(name, (-1.0, 1.0))
        gone = name in ("room", "distance", "wetness") and effect > 0
        values[name] = 0.0 if gone else min(high, max(low, getattr(manner, name) - effect))
    return replace(manner, **values)  # type: ignore[arg-type]  # none of them is the material


def _less(effects: Mapping[str, float], forbidden: Mapping[str, float]) -> dict[str, float]:
    left = dict(effects)
    for name, effect in forbidden.items():
        gone = name in ("room", "distance", "wetness") and effect > 0
        left[name] = 0.0 if gone else left.get(name, 0.0) - effect
    return left


# ---- warnings


def _unknown_words(parts: Sequence[Part], vocabulary: Mapping[tuple[str, ...], Meaning]) -> list[tuple[str, str]]:
    """One sentence that names every word nobody knows, with what it may have been meant to be."""
    unknown: list[str] = []
    anything_sounds = any(part.sounds for part in parts)
    for part in parts:
        silent = [word.text for word in part.words if word.meaning.ignorable]
        says_nothing = not (part.effects or part.materials or part.unknown)
        unknown += part.unknown + (silent if says_nothing and not anything_sounds else [])
    unknown = list(dict.fromkeys(unknown))
    if not unknown:
        return []
    said = ", ".join(f"'{word}'{_hint(word, vocabulary)}" for word in unknown[:12])
    more = f" and {len(unknown) - 12} more" if len(unknown) > 12 else ""
    return [("unknown_word", f"The prompt has words that name no sound known here: {said}{more}. The rest is played.")]


def _hint(word: str, vocabulary: Mapping[tuple[str, ...], Meaning]) -> str:
    """The known word that a misspelt one is closest to, if any is close."""
    if not 4 <= len(word) <= 30:
        return ""
    known = {meaning.text for meaning in vocabulary.values() if not meaning.ignorable and not meaning.opener}
    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.8)
    return f" (perhaps '{close[0]}')" if close else ""


def _unknown_materials(sounds: Sequence[Sound]) -> list[tuple[str, str]]:
    """A sentence for each sound whose material its family does not know, where it tells materials apart at all."""
    said = []
    for sound in sounds:
        family, names = sound.family, [names[0] for names in sound.materials if names]
        tells_materials = any(variant in lexicon.MATERIALS for variant in family.variants)
        if names and tells_materials and not _material(sound) and names[0] not in family.name:
            chosen = family.default_variant or family.variants[0]
            sentence = f"The sound '{family.name}' does not know the material '{names[0]}'; it is played on '{chosen}'."
            said.append(("unknown_material", sentence))
    return said


def _add(effects: dict[str, float], more: Mapping[str, float]) -> None:
    for name, value in more.items():
        both = effects.get(name, 0.0), value
        effects[name] = max(both) if name in _LARGEST_COUNTS and min(both) >= 0 else sum(both)


_FIELDS = {entry.name for entry in fields(Manner)}
assert all(set(effects) <= _FIELDS for effects in lexicon.QUALITIES.values()), "a quality acts on a field Manner lacks"
