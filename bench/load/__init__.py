"""Many viewers of warm volumes at once: lateness, failures, refusals, and one viewer who sweeps cold volumes."""
