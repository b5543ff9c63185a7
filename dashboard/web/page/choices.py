"""What can be chosen: colour scales, norms, pooling, parts of complex values, and ways of playing."""

from __future__ import annotations

# By what they are for; the first one is the default.
COLORSCALES = (
    (
        "Perceptually uniform",
        (
            ("gray", "Gray"),
            ("viridis", "Viridis"),
            ("cividis", "Cividis"),
            ("magma", "Magma"),
            ("inferno", "Inferno"),
            ("plasma", "Plasma"),
            ("batlow", "Batlow"),
            ("lapaz", "La Paz"),
            ("oslo", "Oslo"),
            ("lajolla", "La Jolla"),
            ("ice", "Ice"),
        ),
    ),
    (
        "Diverging",
        (
            ("vik", "Vik"),
            ("berlin", "Berlin"),
            ("broc", "Broc"),
            ("balance", "Balance"),
            ("rdbu", "Blue–red"),
        ),
    ),
    ("Cyclic", (("twilight", "Twilight"), ("romao", "Roma O"), ("phase", "Phase"))),
    ("Other", (("turbo", "Turbo"), ("hot", "Hot"))),
)

NORMS = (
    ("linear", "Linear"),
    ("log", "Log"),
    ("symlog", "Symlog"),
    ("sqrt", "Sqrt"),
    ("asinh", "Asinh"),
)
POOLS = (("mean", "Mean"), ("max", "Max"), ("nearest", "Nearest"))
ASPECTS = (("voxel", "Voxel"), ("square", "Square"), ("fill", "Fill"))
DECODINGS = (("1", "Decoded"), ("0", "As stored"))
PROJECTIONS = (
    ("none", "None"),
    ("mean", "Mean"),
    ("max", "Maximum"),
    ("min", "Minimum"),
    ("sum", "Sum"),
    ("sd", "Std. deviation"),
)
PARTS = (("abs", "Magnitude"), ("phase", "Phase"), ("real", "Real"), ("imag", "Imaginary"))
SPEEDS = tuple((str(n), f"{n} slices a second") for n in (1, 2, 5, 10, 15, 25, 30, 60))
DEFAULT_SPEED = "15"
DIRECTIONS = (("1", "Forward"), ("-1", "Backward"))
ENDS = (("loop", "Start again"), ("bounce", "Bounce"), ("stop", "Stop"))
TIMINGS = (("every", "Show every slice"), ("real", "Skip late slices"))
WINDOWS = (("volume", "Volume"), ("slice", "Slice"), ("manual", "Manual"))
