"""A device that is simulated: plans carried out on virtual time, with overheads that are known."""
