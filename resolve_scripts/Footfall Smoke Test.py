"""Try what Footfall needs of this Resolve, on a timeline of its own that is removed again, and print a report.

Open any project, run this from Workspace > Scripts, and copy the report from Workspace > Console into an issue.
"""

import os
import sys

LIB = ""  # `footfall install resolve` fills it in: a script of Resolve's menu does not know where it lies
sys.path.insert(0, LIB or os.path.dirname(os.path.abspath(__file__)))

from footfall_resolve import smoke

smoke.run(globals(), LIB)
