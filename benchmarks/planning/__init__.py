"""From what is asked to a plan: the request, the pilot, and the size of the run."""
