"""Names of what is asked for: volumes, selections, bricks and the chunk grid. Pure; imports no other room."""
