"""The sample app as a runner: its contract, and a session with it."""
