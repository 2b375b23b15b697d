"""A REAPER made of facts: strict about every call, truthful about the little it models, driven from Python."""
