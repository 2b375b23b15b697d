"""Sound for what lies between the in and out marks, or for the clip under the playhead."""

import os
import sys

LIB = ""  # `footfall install resolve` fills it in: a script of Resolve's menu does not know where it lies
sys.path.insert(0, LIB or os.path.dirname(os.path.abspath(__file__)))

from footfall_resolve import desk, flow

desk.run("Footfall Generate", globals(), flow.generate)
