"""`footfall`, and `python -m footfall_engine`."""

from __future__ import annotations

import sys


def main() -> None:
    from footfall_engine.cli.app import app

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a path is any text; a terminal in another encoding must not stop us
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="footfall")


if __name__ == "__main__":
    main()
