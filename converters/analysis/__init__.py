"""What a file computes and moves, and where in the network that belongs."""
