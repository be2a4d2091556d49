"""What a run measured, read, compared and kept as documents."""
