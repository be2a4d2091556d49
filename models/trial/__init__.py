"""Which attention is more accurate: many short trainings that differ in the attention alone."""
