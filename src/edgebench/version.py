"""The version, where everything can import it without the rest of the package's names."""

__version__ = "0.1.0"
