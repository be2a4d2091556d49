"""The devices by name: edgebench's own, the user's, and what is attached."""
