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
            footstep, step, footfall, walk, walker, run, jog, boot, shoe, heel, high heels, stiletto, sneaker,
            trainer, sandal, foot, stomp, stamp, tread, stride, march, pace, shuffle, tiptoe, stairs, dancing,
            barefoot
        """),
        "heel and sole on eleven surfaces",
        strike=footsteps.footstep,
        variants=tuple(footsteps.SURFACES),
        default_variant="concrete",
    ),
    Family(
        "hooves",
        HITS,
        _words("hoof, hooves, horse, pony, gallop, trot, canter, clip-clop, horseshoe"),
        "iron shoes on stone",
        strike=footsteps.hooves,
    ),
    # ---- one thing hits another
    Family(
        "wood impact",
        HITS,
        _words("""
            wood impact, wood, wood hit, plank, board, log, stick, table, chair, crate, axe, chop, mallet, bat, club,
            branch, bamboo, furniture, timber, skittle, domino
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
            crowbar, machete, dagger, brass, aluminium, aluminum, copper
        """),
        "a ringing piece of metal is struck",
        strike=impacts.metal,
    ),
    Family(
        "glass impact",
        HITS,
        _words("""
            glass impact, glass, glass hit, bottle, clink, chink, toast, wine glass, jar, window, pane, tumbler, vase,
            crystal
        """),
        "a glass is struck and stays whole",
        strike=impacts.glass,
    ),
    Family(
        "ceramic impact",
        HITS,
        _words("""
            ceramic impact, ceramic, cup, mug, plate, saucer, porcelain, china, crockery, dish, bowl, tile, pottery,
            clay
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
            cap
        """),
        "a hollow plastic thing is struck",
        strike=impacts.plastic,
    ),
    Family(
        "skin impact",
        HITS,
        _words("skin impact, skin, slap, smack, clap, hand clap, high five, spank, hand, palm"),
        "a slap or a clap",
        strike=impacts.skin,
    ),
    Family(
        "punch",
        HITS,
        _words("punch, fist, kick, hit, blow, fight, boxing, box glove, karate, headbutt, whack, thwack"),
        "a fist on a body",
        strike=impacts.punch,
    ),
    Family(
        "body fall",
        HITS,
        _words("""
            body fall, body, bodyfall, fall, thud, thump, tumble, collapse, drop, land, jump, sack, bag, mattress,
            pillow
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
        _words("bell, church bell, chime, ding, dong, doorbell, toll, handbell, ring"),
        "a tuned bell",
        strike=impacts.bell,
    ),
    Family(
        "drum",
        HITS,
        _words("drum, tom, timpani, conga, bongo, kick drum, percussion"),
        "a membrane over a shell",
        strike=impacts.drum,
    ),
    Family(
        "bounce",
        HITS,
        _words("bounce, ball, basketball, football, soccer, tennis, tennis ball, dribble, volleyball"),
        "a ball on a floor",
        strike=impacts.bounce,
    ),
    Family(
        "jingle",
        HITS,
        _words("jingle, key, coin, chain, jewellery, jewelry, spurs, tambourine, change, bracelet"),
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
            sheet, blanket, towel, flag, silk, cotton, garment, foley movement, movement, costume
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
            paper, page, newspaper, magazine, book, letter, envelope, card, crumple, crinkle, wrapper, foil, map,
            money, banknote
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
            switch, click, button, mouse, camera shutter, shutter, lighter, latch, lock, ratchet, trigger, safety
            catch, toggle, pen
        """),
        "a spring snaps over",
        strike=contact.switch,
    ),
    Family(
        "scrape",
        MOTION,
        _words("""
            scrape, scratch, drag, rub, sanding, sandpaper, file, saw, grind, friction, slide, brush, sweep, shave,
            skid, chalk
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
            pram, stroller, scooter
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
        _words("crunch, bite, eat, chew, chips, crisps, apple, carrot, twig, snap, bone, crush"),
        "something brittle gives way",
        strike=contact.crunch,
    ),
    # ---- water
    Family(
        "splash",
        HITS,
        _words("splash, dive, plunge, puddle, swim, paddle, slosh, pool, oar, bath"),
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
            drink, shower, gurgle, glug
        """),
        "a jet into a vessel",
        texture=liquids.pour,
    ),
    Family(
        "rain",
        AMBIENCE,
        _words("rain, drizzle, downpour, raindrop, rainfall, shower of rain, hail"),
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
            whoosh, swoosh, swish, swipe, swinging, whip, throw, fly by, flyby, pass by, arrow, wing, flap, sword
            swing, air
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
        _words("crackle, ember, static, vinyl, sizzle, frying"),
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
            shot, gunshot, gunfire, gun, pistol, rifle, revolver, shotgun, machine gun, shoot, sniper, firearm,
            weapon, fire a gun
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
            revving, vroom, driving, race car, moped
        """),
        "cylinders firing, faster as it moves",
        texture=machines.engine,
    ),
    Family(
        "machine hum",
        AMBIENCE,
        _words("""
            machine hum, hum, fan, ventilator, air conditioning, air conditioner, refrigerator, generator,
            transformer, machine, machinery, computer, server, vacuum cleaner, room tone, buzz
        """),
        "mains harmonics and a fan",
        texture=machines.machine_hum,
        tonal=True,
    ),
    Family(
        "drill",
        MOTION,
        _words("""
            drill, power drill, power tool, electric drill, screwdriver, dentist, angle grinder, blender, mixer,
            shaver, chainsaw
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
