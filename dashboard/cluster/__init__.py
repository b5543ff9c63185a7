"""Several machines as one service: which of them there are, and whether they agree."""
