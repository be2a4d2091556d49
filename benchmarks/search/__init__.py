"""Which attention, and where, buys the most accuracy for its time on a device."""
