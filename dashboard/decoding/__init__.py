"""From the chunks of an open file to a decoded brick, plane or voxel."""
