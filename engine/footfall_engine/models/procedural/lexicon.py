"""What words other than sounds mean: qualities, strengths, materials, and those that say nothing about sound.

The sounds themselves are the families' own `words`. Every word here is written in its plain form; `prompt.plain_forms`
brings what the user typed ("slowly", "wooden", "dripping") to it.
"""

from __future__ import annotations

from footfall_engine.models.procedural.voice import Role


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


QUALITIES: dict[str, dict[str, float]] = {
    # how hard
    "heavy": {"effort": 0.6, "size": 0.35},
    "hard": {"effort": 0.6, "brightness": 0.15},
    "strong": {"effort": 0.5},
    "violent": {"effort": 0.9, "speed": 0.3},
    "powerful": {"effort": 0.7, "size": 0.3},
    "intense": {"effort": 0.6},
    "aggressive": {"effort": 0.7, "speed": 0.3},
    "angry": {"effort": 0.6, "speed": 0.2},
    "torrential": {"effort": 1.0},
    "light": {"effort": -0.5, "size": -0.25},
    "soft": {"effort": -0.5, "brightness": -0.25, "gain_db": -2},
    "gentle": {"effort": -0.6, "gain_db": -2},
    "delicate": {"effort": -0.6, "size": -0.3},
    "careful": {"effort": -0.5, "speed": -0.3},
    "weak": {"effort": -0.5, "gain_db": -2},
    "calm": {"effort": -0.5, "speed": -0.2},
    "sneaky": {"effort": -0.7, "speed": -0.3, "gain_db": -4},
    "sneak": {"effort": -0.7, "speed": -0.3, "gain_db": -4},
    "tiptoe": {"effort": -0.7, "speed": -0.3, "gain_db": -4},
    # how big
    "big": {"size": 0.6},
    "large": {"size": 0.6},
    "huge": {"size": 1.0},
    "giant": {"size": 1.0, "effort": 0.3},
    "massive": {"size": 1.0, "effort": 0.3},
    "enormous": {"size": 1.0},
    "thick": {"size": 0.4, "brightness": -0.15},
    "long": {"size": 0.3},
    "small": {"size": -0.5},
    "little": {"size": -0.4},
    "tiny": {"size": -0.9},
    "miniature": {"size": -0.9},
    "thin": {"size": -0.4, "brightness": 0.2},
    "short": {"size": -0.3},
    "toy": {"size": -0.7, "effort": -0.2},
    # how fast
    "slow": {"speed": -0.6},
    "slow motion": {"speed": -0.9, "size": 0.4, "brightness": -0.3},
    "lazy": {"speed": -0.5, "effort": -0.3},
    "fast": {"speed": 0.6},
    "quick": {"speed": 0.5},
    "rapid": {"speed": 0.7},
    "hasty": {"speed": 0.5},
    "hurried": {"speed": 0.5},
    "frantic": {"speed": 0.8, "effort": 0.3},
    "steady": {},
    "rhythmic": {},
    # how far
    "near": {"distance": -0.3},
    "nearby": {"distance": -0.3},
    "close": {"distance": -0.3, "room": -0.1},
    "close up": {"distance": -0.5, "room": -0.3},
    "intimate": {"distance": -0.5, "room": -0.3, "effort": -0.2},
    "distant": {"distance": 0.7},
    "distance": {"distance": 0.7},
    "far": {"distance": 0.7},
    "far away": {"distance": 0.9},
    "far off": {"distance": 0.9},
    "remote": {"distance": 0.7},
    "background": {"distance": 0.35, "gain_db": -6},
    "offscreen": {"distance": 0.35},
    "off screen": {"distance": 0.35},
    "next room": {"distance": 0.35, "brightness": -0.7},
    "next door": {"distance": 0.35, "brightness": -0.7},
    "behind wall": {"distance": 0.3, "brightness": -0.8},
    "through wall": {"distance": 0.3, "brightness": -0.8},
    "faint": {"distance": 0.35, "gain_db": -6},
    # how wet
    "wet": {"wetness": 0.8},
    "damp": {"wetness": 0.4},
    "soaked": {"wetness": 1.0},
    "soggy": {"wetness": 0.9},
    "sloppy": {"wetness": 0.8},
    "squelchy": {"wetness": 0.9},
    "slimy": {"wetness": 0.9},
    "slippery": {"wetness": 0.6},
    "dry": {"wetness": -1.0, "room": -0.3},
    # which colour
    "bright": {"brightness": 0.5},
    "sharp": {"brightness": 0.6, "effort": 0.2},
    "crisp": {"brightness": 0.4},
    "clear": {"brightness": 0.25},
    "harsh": {"brightness": 0.6, "effort": 0.3},
    "shrill": {"brightness": 0.8, "size": -0.2},
    "piercing": {"brightness": 0.8},
    "hiss": {"brightness": 0.5},
    "high": {"brightness": 0.3, "size": -0.35},
    "high pitched": {"brightness": 0.4, "size": -0.6},
    "tinny": {"brightness": 0.5, "size": -0.5},
    "treble": {"brightness": 0.5},
    "dull": {"brightness": -0.5},
    "dark": {"brightness": -0.5},
    "muffled": {"brightness": -0.7, "gain_db": -2},
    "muted": {"brightness": -0.5, "gain_db": -4},
    "dampened": {"brightness": -0.5},
    "warm": {"brightness": -0.25},
    "low": {"brightness": -0.25, "size": 0.35},
    "low pitched": {"brightness": -0.25, "size": 0.6},
    "deep": {"brightness": -0.3, "size": 0.6},
    "bass": {"brightness": -0.4, "size": 0.5},
    "bassy": {"brightness": -0.4, "size": 0.5},
    "boomy": {"brightness": -0.4, "size": 0.5, "room": 0.2},
    "hollow": {"brightness": -0.2, "size": 0.3},
    "underwater": {"brightness": -1.0, "distance": 0.2, "wetness": 1.0},
    # how loud
    "loud": {"gain_db": 5, "effort": 0.2},
    "deafening": {"gain_db": 8, "effort": 0.5},
    "noisy": {"gain_db": 3},
    "quiet": {"gain_db": -7, "effort": -0.2},
    "silent": {"gain_db": -12, "effort": -0.4},
    "subtle": {"gain_db": -8, "effort": -0.3},
    "inaudible": {"gain_db": -18},
    # where: rooms
    "room": {"room": 0.2},
    "small room": {"room": 0.15},
    "kitchen": {"room": 0.25},
    "office": {"room": 0.2},
    "bedroom": {"room": 0.1},
    "living room": {"room": 0.15},
    "studio": {"room": 0.0},
    "bathroom": {"room": 0.45},
    "shower": {"room": 0.45},
    "corridor": {"room": 0.5},
    "hallway": {"room": 0.5},
    "basement": {"room": 0.45},
    "cellar": {"room": 0.45},
    "garage": {"room": 0.55},
    "stairwell": {"room": 0.75},
    "staircase": {"room": 0.6},
    "lobby": {"room": 0.6},
    "gym": {"room": 0.65},
    "hall": {"room": 0.7},
    "church": {"room": 0.9},
    "cathedral": {"room": 1.0},
    "warehouse": {"room": 0.75},
    "factory": {"room": 0.65},
    "station": {"room": 0.7},
    "train station": {"room": 0.7},
    "subway": {"room": 0.7},
    "gymnasium": {"room": 0.65},
    "tunnel": {"room": 0.85},
    "cave": {"room": 0.9},
    "canyon": {"room": 0.8, "distance": 0.2},
    "indoor": {"room": 0.3},
    "indoors": {"room": 0.3},
    "inside": {"room": 0.2},
    "echo": {"room": 0.75},
    "echoey": {"room": 0.75},
    "reverb": {"room": 0.65},
    "reverberant": {"room": 0.7},
    "reverberation": {"room": 0.65},
    "spacious": {"room": 0.6},
    "outdoor": {"room": -1.0},
    "outdoors": {"room": -1.0},
    "outside": {"room": -1.0},
    # what it is made like
    "old": {"brightness": -0.1},
    "rusty": {"brightness": 0.2},
    "broken": {},
    "crunchy": {"brightness": 0.2, "effort": 0.2},
    "crunch": {"brightness": 0.1, "effort": 0.2},
    "thunderous": {"effort": 0.8, "size": 0.6},
}
"""Effects on the fields of Manner. Positive distance and room count as the largest said, everything else adds up."""

STRENGTHS: dict[str, float] = {
    "very": 1.5,
    "really": 1.5,
    "quite": 1.2,
    "so": 1.3,
    "super": 1.7,
    "extremely": 2.0,
    "incredibly": 2.0,
    "insanely": 2.0,
    "ultra": 2.0,
    "too": 1.2,
    "rather": 1.0,
    "fairly": 0.8,
    "somewhat": 0.6,
    "slightly": 0.4,
    "bit": 0.5,
    "mildly": 0.5,
    "barely": 0.25,
    "not": -0.7,
    "less": -0.5,
    "more": 1.3,
    "most": 1.5,
}
"""Factor on the quality that follows."""

MATERIALS: dict[str, tuple[str, ...]] = {
    "wood": ("wood",),
    "timber": ("wood",),
    "plank": ("wood",),
    "board": ("wood",),
    "floorboard": ("wood",),
    "parquet": ("wood",),
    "oak": ("wood",),
    "pine": ("wood",),
    "plywood": ("wood",),
    "bamboo": ("wood",),
    "deck": ("wood",),
    "table": ("wood",),
    "desk": ("wood",),
    "bench": ("wood",),
    "metal": ("metal",),
    "steel": ("metal",),
    "iron": ("metal",),
    "tin": ("metal",),
    "brass": ("metal",),
    "copper": ("metal",),
    "bronze": ("metal",),
    "aluminium": ("metal",),
    "aluminum": ("metal",),
    "silver": ("metal",),
    "grating": ("metal",),
    "glass": ("glass",),
    "crystal": ("glass",),
    "window": ("glass",),
    "windowpane": ("glass",),
    "bottle": ("glass",),
    "stone": ("stone", "concrete"),
    "rock": ("stone", "gravel", "concrete"),
    "brick": ("stone", "concrete"),
    "marble": ("marble", "tile", "stone", "concrete"),
    "granite": ("stone", "concrete"),
    "cobblestone": ("cobblestone", "stone", "concrete"),
    "cobble": ("cobblestone", "stone", "concrete"),
    "tile": ("tile", "ceramic", "stone", "concrete"),
    "ceramic": ("ceramic", "porcelain", "tile", "glass", "stone"),
    "porcelain": ("porcelain", "ceramic", "glass"),
    "concrete": ("concrete", "stone"),
    "cement": ("concrete", "stone"),
    "asphalt": ("asphalt", "concrete", "stone"),
    "tarmac": ("asphalt", "concrete", "stone"),
    "pavement": ("pavement", "concrete", "stone"),
    "sidewalk": ("pavement", "concrete", "stone"),
    "road": ("asphalt", "concrete", "stone"),
    "street": ("asphalt", "concrete", "stone"),
    "linoleum": ("linoleum", "tile", "concrete"),
    "gravel": ("gravel",),
    "pebble": ("gravel",),
    "shingle": ("gravel",),
    "grass": ("grass",),
    "lawn": ("grass",),
    "meadow": ("grass",),
    "field": ("grass",),
    "leaf": ("leaves", "grass"),
    "foliage": ("leaves", "grass"),
    "undergrowth": ("leaves", "grass"),
    "dirt": ("dirt", "earth", "sand", "grass"),
    "soil": ("dirt", "earth", "sand", "grass"),
    "earth": ("earth", "dirt", "sand", "grass"),
    "sand": ("sand", "dirt"),
    "beach": ("sand",),
    "snow": ("snow",),
    "ice": ("ice", "glass", "snow"),
    "mud": ("mud", "dirt"),
    "swamp": ("mud", "water", "dirt"),
    "puddle": ("water", "puddle", "mud"),
    "water": ("water",),
    "carpet": ("carpet",),
    "rug": ("carpet",),
    "mat": ("carpet",),
    "plastic": ("plastic",),
    "rubber": ("rubber", "plastic"),
    "vinyl": ("plastic",),
    "acrylic": ("plastic",),
    "skin": ("skin",),
    "flesh": ("flesh", "body", "skin"),
    "meat": ("flesh", "body", "skin"),
    "body": ("body", "flesh", "skin"),
    "leather": ("leather",),
    "cloth": ("cloth", "fabric", "cotton"),
    "fabric": ("fabric", "cloth", "cotton"),
    "cotton": ("cotton", "cloth"),
    "silk": ("silk", "cloth"),
    "nylon": ("nylon", "cloth"),
    "denim": ("denim", "cloth"),
    "wool": ("wool", "cloth"),
    "paper": ("paper",),
    "cardboard": ("cardboard", "paper"),
    "bone": ("bone", "wood"),
    "roof": ("metal", "roof"),
    "floor": (),
    "ground": (),
    "surface": (),
    "wall": (),
}
"""What a material word may be called in a family's `variants`, the best first."""

IRREGULAR: dict[str, str] = {
    "wooden": "wood",
    "metallic": "metal",
    "glassy": "glass",
    "rainy": "rain",
    "windy": "wind",
    "stormy": "storm",
    "snowy": "snow",
    "muddy": "mud",
    "sandy": "sand",
    "icy": "ice",
    "rocky": "rock",
    "grassy": "grass",
    "leafy": "leaf",
    "leaves": "leaf",
    "feet": "foot",
    "knives": "knife",
    "gently": "gentle",
    "subtly": "subtle",
    "broke": "break",
    "ran": "run",
    "fell": "fall",
    "fallen": "fall",
    "tore": "tear",
    "torn": "tear",
    "struck": "strike",
    "rang": "ring",
    "blew": "blow",
    "blown": "blow",
    "threw": "throw",
    "swung": "swing",
    "slid": "slide",
    "bigger": "big",
    "larger": "large",
    "smaller": "small",
    "heavier": "heavy",
    "softer": "soft",
    "louder": "loud",
    "quieter": "quiet",
    "faster": "fast",
    "slower": "slow",
    "brighter": "bright",
    "darker": "dark",
    "duller": "dull",
    "harder": "hard",
    "wetter": "wet",
    "further": "far",
    "farther": "far",
    "nearer": "near",
    "closer": "close",
}
"""Plain form of words that no rule of `prompt.plain_forms` reaches."""

OPENERS = _words(
    "on onto upon in into inside through against across at from by along down up over under beneath below behind "
    "amid during above beside around towards toward off"
)
"""Words after which a place or a surface is named, not the sound itself."""

LAYERING = _words("over under beneath below amid during behind above beside")
"""Openers after which another sound may be named: "footsteps under thunder"."""

NEGATIONS = frozenset(("no", "without", "minus", "nor"))

GENERIC = _words(
    "hit hits hitting strike fall falling fell drop dropping land landing blow tool close closing closed open air "
    "crackle crackling hiss hissing rumble rumbling ring ringing hum humming movement slide sliding change "
    "swing swinging throw jump jumping drag dragging remote electric"
) | {"pass by", "fly by"}
"""Words of families that yield to any other in the same phrase: a hammer that hits is a hammer."""

TOOLS = _words(
    "hammer mallet axe hatchet pickaxe knife blade sword machete dagger chisel wrench spanner cleaver crowbar tool "
    "stick drumstick bat club branch pipe pan fork spoon shovel racket screwdriver saw sandpaper file brush whip pen "
    "pencil fist knuckle glove foot boot stone rock brick cloth towel"
)
"""What something is done with. "With" one of these tells how the sound before it is made, and adds none …"""

WORKED = frozenset(
    (
        "wood impact",
        "metal impact",
        "glass impact",
        "ceramic impact",
        "stone impact",
        "plastic impact",
        "skin impact",
        "punch",
        "glass break",
        "bell",
        "drum",
        "knock",
        "tear",
        "scrape",
        "crunch",
        "keyboard",
        "switch",
        "splash",
    )
)
"""… where that sound is of one of these families: the sound of what is hit, cut or rubbed by the tool."""

STOP_WORDS = _words(
    "a an the of to for as is are was were be been being am it its this that these those there here some any each "
    "every all both one two three four several many few lot his her their our my your he she they them we i you who "
    "which what when where how then than while whilst just only also again once like sound sounds noise sfx fx "
    "effect foley audio hear heard hearing make makes making made get gets go goes going come comes coming do does "
    "recording recorded track loop single multiple different various other another own "
    "please add want need create generate give gives put puts putting play plays playing played"
)
"""Words that carry no sound and are passed over in silence."""

AGENTS = _words(
    "man woman men women boy girl person people child children kid baby guy lady soldier worker actor actress someone "
    "somebody anyone character figure hand arm finger palm dog cat horse animal bird monster robot human player dancer "
    "knight samurai warrior zombie crowd audience group couple team runner jogger sprinter swimmer diver boxer drummer "
    "cyclist skater skateboarder gymnast hiker pedestrian passerby commuter tourist customer passenger walker cook "
    "chef barista waiter waitress carpenter blacksmith smith driver musician athlete he's she's camera scene clip film "
    "video movie picture screen"
)
PLACES = _words(
    "house home building apartment city town village park garden forest woods jungle desert mountain valley hill shore "
    "bridge yard square market shop store bar pub restaurant school hospital airport ship boat cabin barn farm stage "
    "arena stadium court rooftop path trail stair tree sky night day morning evening afternoon summer winter autumn "
    "spring air side top end middle front back edge corner place world classroom supermarket mall cafe diner hotel "
    "library museum theatre theater cinema workshop laboratory elevator escalator playground harbor harbour dock pier "
    "marina alley driveway porch balcony terrace patio attic closet highway motorway intersection countryside camp "
    "island coast cliff kitchenette counter worktop workbench shelf bucket bowl cup sink tub bag face head chest leg "
    "knee neck body empty mechanical electrical twice debris"
) | {"bus stop", "bus station", "gas station", "petrol station", "fire station", "parking lot", "car park"}
THINGS = _words(
    "vegetable onion potato tomato cucumber garlic cabbage pepper lettuce fruit salad bread cheese food meal breakfast "
    "lunch dinner egg teeth blackboard lamp kit bed couch rope hockey puck golf baseball rugby sport"
)
VERBS = _words(
    "open move turn use hold carry pick set lift hang sit stand pull push catch touch pass start stop begin end enter "
    "leave cross come go climb squat kneel crouch bend lean reach grab cut slice stir cook prepare insert remove "
    "spin rotate fold unfold wear ride pack unpack approach arrive wait look clatter rattle clash bang rise shut"
)
"""Who, where, with what and what is done: they make no sound of their own. Said alone, they are reported."""

NEGATIVE_ROLES: dict[str, Role] = {
    "ambience": Role.AMBIENCE,
    "ambient": Role.AMBIENCE,
    "ambiance": Role.AMBIENCE,
    "atmosphere": Role.AMBIENCE,
    "atmos": Role.AMBIENCE,
    "background": Role.AMBIENCE,
    "room tone": Role.AMBIENCE,
}
"""Words of a negative prompt that remove every layer of a kind."""
