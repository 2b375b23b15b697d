"""The `footfall` command: a file for each command or pair. Whatever is heavy is imported when a command needs it."""
