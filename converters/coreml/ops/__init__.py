"""The lowerers, one file for each family of ops. Importing `all_ops` fills the table."""
