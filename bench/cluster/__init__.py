"""Several machines as one service: ten nodes told from one on two cores, and three that decode."""
