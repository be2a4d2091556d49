"""What the host and a device exchange: the plan, the result, its changes, the run folder."""
