"""Training MultiFoley: its objective, what it learns from, and the loop that can stop and go on at any step."""
