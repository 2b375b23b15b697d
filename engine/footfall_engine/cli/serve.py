from footfall_engine.cli.console import reported


@reported
def serve() -> None:
    """To come."""
