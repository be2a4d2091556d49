"""edgebench: what attention in mobile networks really costs, measured on the device."""

__version__ = "0.1.0"
