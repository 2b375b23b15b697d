"""New sound for the part of a stem between the in and out marks; the rest of it stays as it is."""

import os
import sys

LIB = ""  # `footfall install resolve` fills it in: a script of Resolve's menu does not know where it lies
sys.path.insert(0, LIB or os.path.dirname(os.path.abspath(__file__)))

from footfall_resolve import desk, flow

desk.run("Footfall Regenerate", globals(), flow.regenerate)
