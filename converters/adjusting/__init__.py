"""What makes quantised numbers better at no cost in time: other weights and biases, same graph."""
