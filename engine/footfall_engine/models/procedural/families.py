"""The table of sounds the procedural model knows: one row a family. To add one, write a voice and a row.

Words stand in their plain form (`prompt.plain_forms` brings "walking" to "walk"), and each belongs to one family only.
"""

from __future__ import annotations

from footfall_engine.models.procedural.voice import Family, Role
from footfall_engine.models.procedural.voices import air_fire, contact, footsteps, impacts, liquids, machines

HITS, MOTION, AMBIENCE = Role.HITS, Role.MOTION, Role.AMBIENCE


def _words(text: str) -> tuple[str, ...]:
    """A comma-separated list, so that the table reads like one."""
    return tuple(" ".join(word.split()) for word in text.split(","))


FAMILIES: tuple[Family, ...] = (
    # ---- feet
    Family(
        "footsteps",
        HITS,
        _words("""
            footstep, step, footfall, walk, walker, run, jog, boot, shoe, heel, high heels, stiletto, sneaker, trainer,
            sandal, foot, stomp, stamp, tread, stride, march, pace, shuffle, tiptoe, stairs, dancing, barefoot, sprint,
            runner, jogger, sprinter, hike, slipper, flip flop, tap dance
        """),
        "heel and sole on eleven surfaces",
        strike=footsteps.footstep,
        variants=tuple(footsteps.SURFACES),
        default_variant="concrete",
    ),
    Family(
        "hooves",
        HITS,
        _words("hoof, hooves, horse, pony, gallop, trot, canter, clip-clop, horseshoe, stallion, mare, mule, donkey"),
        "iron shoes on stone",
        strike=footsteps.hooves,
    ),
    # ---- one thing hits another
    Family(
        "wood impact",
        HITS,
        _words("""
            wood impact, wood, wood hit, plank, board, log, stick, table, chair, crate, axe, chop, mallet, bat, club,
            branch, bamboo, furniture, timber, skittle, domino, cutting board, chopping board, hatchet, stool, pallet,
            chess, cricket bat, cut vegetable, cut onion, cut potato, cut tomato, cut bread, cut fruit, slice vegetable,
            slice onion, slice tomato, slice bread
        """),
        "a solid piece of wood is struck",
        strike=impacts.wood,
    ),
    Family(
        "knock",
        HITS,
        _words("knock, knuckle, rap, tap"),
        "knuckles on a door",
        strike=impacts.knock,
    ),
    Family(
        "metal impact",
        HITS,
        _words("""
            metal impact, metal, metal hit, steel, iron, tin, hammer, anvil, clang, clank, sword, blade, knife, pan,
            pot, pipe, wrench, tool, can, barrel, armor, armour, shield, gong, cymbal, cutlery, fork, spoon, nail,
            crowbar, machete, dagger, brass, aluminium, aluminum, copper, hi-hat, hihat, crash cymbal, ride cymbal,
            spanner, chisel, pickaxe, cleaver, skillet, saucepan, wok, ladle, spatula, tray, dumbbell, barbell,
            kettlebell, soda can, beer can, tin can, sword fight, swordfight, fencing
        """),
        "a ringing piece of metal is struck",
        strike=impacts.metal,
    ),
    Family(
        "glass impact",
        HITS,
        _words("""
            glass impact, glass, glass hit, bottle, clink, chink, toast, wine glass, jar, window, pane, tumbler, vase,
            crystal, wine bottle, beer bottle, beer glass, champagne glass, ice cube, light bulb
        """),
        "a glass is struck and stays whole",
        strike=impacts.glass,
    ),
    Family(
        "ceramic impact",
        HITS,
        _words("""
            ceramic impact, ceramic, cup, mug, plate, saucer, porcelain, china, crockery, dish, bowl, tile, pottery,
            clay, teacup, coffee cup, coffee mug, tea cup, flowerpot, flower pot, ashtray
        """),
        "crockery is struck or set down",
        strike=impacts.ceramic,
    ),
    Family(
        "stone impact",
        HITS,
        _words("stone impact, stone, rock, pebble, brick, boulder, marble, flint, granite, cobble, rubble"),
        "stone on stone",
        strike=impacts.stone,
    ),
    Family(
        "plastic impact",
        HITS,
        _words("""
            plastic impact, plastic, plastic hit, toy, lego, bucket, tupperware, box, cardboard, remote, phone, bottle
            cap, racket, racquet, tennis racket, dice, poker chip
        """),
        "a hollow plastic thing is struck",
        strike=impacts.plastic,
    ),
    Family(
        "skin impact",
        HITS,
        _words("skin impact, skin, slap, smack, clap, hand clap, high five, spank, finger snap, snap finger"),
        "a slap or a clap",
        strike=impacts.skin,
    ),
    Family(
        "punch",
        HITS,
        _words("""
            punch, fist, kick, hit, blow, fight, boxing, box glove, karate, headbutt, whack, thwack, boxer, kickboxing,
            punching bag, martial arts
        """),
        "a fist on a body",
        strike=impacts.punch,
    ),
    Family(
        "body fall",
        HITS,
        _words("""
            body fall, body, bodyfall, fall, thud, thump, tumble, collapse, drop, land, jump, sack, bag, mattress,
            pillow, cushion, wrestling, judo, tackle
        """),
        "something soft and heavy comes down",
        strike=impacts.body_fall,
    ),
    Family(
        "glass break",
        HITS,
        _words("glass break, breaking glass, broken glass, break, shatter, smash, crash"),
        "a pane gives, shards ring",
        strike=impacts.glass_break,
    ),
    Family(
        "bell",
        HITS,
        _words("""
            bell, church bell, chime, ding, dong, doorbell, toll, handbell, ring, wind chime, cowbell, bicycle bell,
            bike bell, phone ring
        """),
        "a tuned bell",
        strike=impacts.bell,
    ),
    Family(
        "drum",
        HITS,
        _words("""
            drum, tom, timpani, conga, bongo, kick drum, percussion, snare, snare drum, drum kit, drum set, drummer,
            djembe, tabla, cajon
        """),
        "a membrane over a shell",
        strike=impacts.drum,
    ),
    Family(
        "bounce",
        HITS,
        _words("""
            bounce, ball, basketball, football, soccer, tennis, tennis ball, dribble, volleyball, ping pong, table
            tennis, handball
        """),
        "a ball on a floor",
        strike=impacts.bounce,
    ),
    Family(
        "jingle",
        HITS,
        _words("""
            jingle, key, coin, chain, jewellery, jewelry, spurs, tambourine, change, bracelet, keyring, keychain,
            necklace, handcuffs
        """),
        "a handful of small metal pieces",
        strike=impacts.jingle,
    ),
    # ---- things that stay in touch
    Family(
        "door",
        HITS,
        _words("door, doorway, gate, hatch, lid, close, slam, cupboard, cabinet, locker, fridge, car door, hinge"),
        "panel, frame and latch; or the hinge",
        strike=contact.door,
        texture=contact.door_moving,
        variants=("close", "slam", "creak"),
        default_variant="close",
    ),
    Family(
        "drawer",
        HITS,
        _words("drawer, desk drawer, till, sliding door, wardrobe, chest of drawers"),
        "pulled free, slides, stops",
        strike=contact.drawer,
        texture=contact.drawer_moving,
    ),
    Family(
        "cloth",
        MOTION,
        _words("""
            cloth, fabric, rustle, shirt, jacket, coat, dress, skirt, trousers, pants, jeans, sleeve, cape, curtain,
            sheet, blanket, towel, flag, silk, cotton, garment, foley movement, movement, costume, scarf, sweater,
            hoodie, robe, gown, apron, uniform, laundry, bed sheet, tent, parachute, backpack
        """),
        "folds that rub and catch",
        strike=contact.cloth,
        texture=contact.cloth_moving,
    ),
    Family(
        "leather",
        MOTION,
        _words("leather, leather jacket, saddle, belt, glove, holster, wallet, strap, harness, sofa"),
        "thick skin that creaks",
        strike=contact.leather,
        texture=contact.leather_moving,
    ),
    Family(
        "paper",
        MOTION,
        _words("""
            paper, page, newspaper, magazine, book, letter, envelope, card, crumple, crinkle, wrapper, foil, map, money,
            banknote, paper bag, plastic bag, carrier bag, wrapping paper, napkin, tissue, notebook, receipt
        """),
        "a stiff sheet that crumples",
        strike=contact.paper,
        texture=contact.paper_moving,
    ),
    Family(
        "tear",
        HITS,
        _words("tear, rip, velcro, shred, duct tape, tape"),
        "paper or cloth is torn",
        strike=contact.tear,
    ),
    Family(
        "zipper",
        HITS,
        _words("zipper, zip, unzip, fly"),
        "a slider over teeth",
        strike=contact.zipper,
    ),
    Family(
        "keyboard",
        HITS,
        _words("keyboard, type, typewriter, computer keyboard, laptop, typist, keystroke, keypress"),
        "keys go down and come up",
        strike=contact.keyboard,
    ),
    Family(
        "switch",
        HITS,
        _words("""
            switch, click, button, mouse, camera shutter, shutter, lighter, latch, lock, ratchet, trigger, safety catch,
            toggle, pen, light switch, lamp switch, turn on lamp, turn off lamp, turn on light, turn off light, stapler,
            staple, hole punch, handbrake, reload, reload gun, load gun, cock gun, gun cock, hand brake, gearshift, gear
            shift, gear lever, buckle, seat belt, padlock, door handle, doorknob, door knob
        """),
        "a spring snaps over",
        strike=contact.switch,
    ),
    Family(
        "scrape",
        MOTION,
        _words("""
            scrape, scratch, drag, rub, sanding, sandpaper, file, saw, grind, friction, slide, brush, sweep, shave,
            skid, chalk, broom, rake, dig, shovel, spade, scrub, toothbrush, pencil, write, scribble, sharpen knife,
            knife sharpening, whetstone, wipe, polish, ice skate
        """),
        "a hard edge over a rough face",
        strike=contact.scrape_hit,
        texture=contact.scrape,
    ),
    Family(
        "roll",
        MOTION,
        _words("""
            roll, wheel, skateboard, trolley, cart, suitcase, marble rolling, rumble, bowling, bowling ball, wagon,
            pram, stroller, scooter, conveyor, conveyor belt, wheelchair, skateboarder, roller skate, rollerblade
        """),
        "a round thing over an uneven floor",
        texture=contact.roll,
    ),
    Family(
        "squeak",
        HITS,
        _words("squeak, squeaky, creak, creaky, squeal, rusty, floorboard, swing, rocking chair, bed spring"),
        "a contact that sings",
        strike=contact.squeak,
        texture=contact.squeak_moving,
    ),
    Family(
        "crunch",
        HITS,
        _words("""
            crunch, bite, eat, chew, chips, crisps, apple, carrot, twig, snap, bone, crush, celery, cereal, popcorn,
            cracker, biscuit, cookie, eggshell, crack egg, peanut, munch, nibble
        """),
        "something brittle gives way",
        strike=contact.crunch,
    ),
    # ---- water
    Family(
        "splash",
        HITS,
        _words("""
            splash, dive, plunge, puddle, swim, paddle, slosh, pool, oar, bath, bathtub, swimmer, diver, rowing, kayak,
            canoe
        """),
        "something goes into water",
        strike=liquids.splash,
        texture=liquids.slosh,
    ),
    Family(
        "drip",
        HITS,
        _words("drip, drop of water, water drop, waterdrop, droplet, leak, plop, plink"),
        "a drop and its bubble",
        strike=liquids.drip,
    ),
    Family(
        "pour",
        MOTION,
        _words("""
            pour, fill, water tap, faucet, water, liquid, wine, tea, coffee, milk, juice, beer, kettle, jug, sink,
            drink, shower, gurgle, glug, running water, water run, shower run, tap water, running tap, tap run, hose,
            watering can, soda, lemonade, soup
        """),
        "a jet into a vessel",
        texture=liquids.pour,
    ),
    Family(
        "rain",
        AMBIENCE,
        _words("rain, drizzle, downpour, raindrop, rainfall, shower of rain, hail, rainstorm"),
        "drops far and near",
        texture=liquids.rain,
    ),
    Family(
        "stream",
        AMBIENCE,
        _words("stream, brook, river, creek, fountain, waterfall, babbling, trickle"),
        "a brook",
        texture=liquids.stream,
    ),
    Family(
        "waves",
        AMBIENCE,
        _words("wave, sea, ocean, surf, beach, shore, lake"),
        "surf on a beach",
        texture=liquids.waves,
    ),
    # ---- air and fire
    Family(
        "wind",
        AMBIENCE,
        _words("wind, breeze, gust, gale, blizzard, draught, howl"),
        "gusts and whistling edges",
        texture=air_fire.wind,
    ),
    Family(
        "whoosh",
        MOTION,
        _words("""
            whoosh, swoosh, swish, swipe, swinging, whip, throw, fly by, flyby, pass by, arrow, wing, flap, sword swing,
            air
        """),
        "air parted by a quick thing",
        strike=air_fire.swish,
        texture=air_fire.whoosh,
    ),
    Family(
        "fire",
        AMBIENCE,
        _words("fire, flame, burn, campfire, fireplace, bonfire, torch, candle, blaze, match"),
        "flames, hiss and crackle",
        texture=air_fire.fire,
    ),
    Family(
        "crackle",
        AMBIENCE,
        _words("crackle, ember, static, vinyl, sizzle, frying, bacon, stir fry"),
        "clicks of every size",
        strike=air_fire.crackle_hit,
        texture=air_fire.crackle,
    ),
    Family(
        "steam",
        MOTION,
        _words("steam, hiss, spray, aerosol, gas, air leak, extinguisher, pneumatic"),
        "a jet through a narrow opening",
        texture=air_fire.steam,
    ),
    Family(
        "thunder",
        HITS,
        _words("thunder, thunderclap, lightning, thunderstorm, storm"),
        "a crack and a long roll",
        strike=air_fire.thunder,
    ),
    Family(
        "explosion",
        HITS,
        _words("""
            explosion, explode, blast, bomb, grenade, boom, detonation, dynamite, cannon, firework, mine, eruption
        """),
        "blast, roar and debris",
        strike=air_fire.explosion,
    ),
    Family(
        "shot",
        HITS,
        _words("""
            shot, gunshot, gunfire, gun, pistol, rifle, revolver, shotgun, machine gun, shoot, sniper, firearm, weapon,
            fire a gun
        """),
        "muzzle blast and echo",
        strike=air_fire.shot,
    ),
    # ---- machines
    Family(
        "engine",
        MOTION,
        _words("""
            engine, motor, car, truck, lorry, motorcycle, motorbike, vehicle, van, bus, tractor, boat engine, idling,
            revving, vroom, driving, race car, moped, engine run, motor run, car run, lawnmower, lawn mower, jeep, taxi,
            speedboat, motorboat, go kart, bulldozer, excavator
        """),
        "cylinders firing, faster as it moves",
        texture=machines.engine,
    ),
    Family(
        "machine hum",
        AMBIENCE,
        _words("""
            machine hum, hum, fan, ventilator, air conditioning, air conditioner, refrigerator, generator, transformer,
            machine, machinery, computer, server, vacuum cleaner, buzz, hoover, vacuum, hair dryer,
            hairdryer, tumble dryer, dishwasher, washing machine, microwave, freezer, extractor hood, machine run
        """),
        "mains harmonics and a fan",
        texture=machines.machine_hum,
        tonal=True,
    ),
    Family(
        "room tone",
        AMBIENCE,
        _words("room tone, roomtone, room ambience, interior ambience, empty room, ventilation, hvac"),
        "the air of a room in which nothing happens",
        texture=machines.room_tone,
    ),
    Family(
        "drill",
        MOTION,
        _words("""
            drill, power drill, power tool, electric drill, screwdriver, dentist, angle grinder, blender, mixer, shaver,
            chainsaw, electric shaver, hammer drill, food processor, coffee grinder
        """),
        "a motor that sags under load",
        texture=machines.drill,
    ),
    Family(
        "clock tick",
        HITS,
        _words("clock tick, clock, tick, tock, watch, metronome, timer, stopwatch"),
        "an escapement",
        strike=machines.clock,
    ),
    Family(
        "electric spark",
        HITS,
        _words("electric spark, spark, electricity, electric, zap, arc, short circuit, taser, welding, flicker, neon"),
        "a snap and a dying buzz",
        strike=machines.spark,
        texture=machines.buzzing,
    ),
)

_BY_NAME = {each.name: each for each in FAMILIES}


def family(name: str) -> Family:
    """The row of that name; KeyError when there is none."""
    return _BY_NAME[name]
