"""What computes each MIL op, one file for each family. Importing `all_ops` fills the table."""
