"""What the host and a device exchange: the plan, the result, the changes of it, the run folder."""
