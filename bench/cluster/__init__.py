"""Several machines as one service: ten nodes beside one, on two cores, and three that decode."""
