"""What can be chosen: colour scales, norms, pooling, parts of complex values, and ways of playing."""

from __future__ import annotations

COLORSCALES = (
    ("gray", "Gray"),
    ("viridis", "Viridis"),
    ("magma", "Magma"),
    ("inferno", "Inferno"),
    ("plasma", "Plasma"),
    ("cividis", "Cividis"),
    ("turbo", "Turbo"),
    ("hot", "Hot"),
    ("rdbu", "Red–blue"),
    ("twilight", "Twilight"),
)

NORMS = (("linear", "Linear"), ("log", "Log"), ("symlog", "Symlog"), ("sqrt", "Sqrt"))
POOLS = (("mean", "Mean"), ("max", "Max"), ("nearest", "Nearest"))
ASPECTS = (("voxel", "Voxel"), ("square", "Square"), ("fill", "Fill"))
DECODINGS = (("1", "Decoded"), ("0", "As stored"))
PARTS = (("abs", "Magnitude"), ("phase", "Phase"), ("real", "Real"), ("imag", "Imaginary"))
SPEEDS = tuple((str(n), f"{n} slices a second") for n in (1, 2, 5, 10, 15, 25, 30, 60))
DEFAULT_SPEED = "15"
DIRECTIONS = (("1", "Forward"), ("-1", "Backward"))
ENDS = (("loop", "Start again"), ("bounce", "Bounce"), ("stop", "Stop"))
TIMINGS = (("every", "Show every slice"), ("real", "Skip late slices"))
WINDOWS = (("volume", "Volume"), ("slice", "Slice"), ("manual", "Manual"))
