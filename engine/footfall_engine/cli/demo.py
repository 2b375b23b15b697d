from footfall_engine.cli.console import reported


@reported
def demo() -> None:
    """To come."""
