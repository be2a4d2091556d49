"""Results: run folders, comparisons, explanations, and runs compared."""
