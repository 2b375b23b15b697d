from footfall_engine.cli.console import reported


@reported
def bench() -> None:
    """To come."""
