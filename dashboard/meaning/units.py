"""Units of length and angle, as far as the shape of a voxel depends on them."""

from __future__ import annotations

from typing import Final, Literal

from dashboard.meaning.names import LATITUDE_UNITS, LONGITUDE_UNITS

_METERS: Final = {
    1e-12: "pm picometer picometre",
    1e-10: "Å Å angstrom angstroms ångström Angstrom A",
    1e-9: "nm nanometer nanometers nanometre nanometres",
    1e-6: "µm μm um micron microns micrometer micrometers micrometre micrometres",
    1e-3: "mm millimeter millimeters millimetre millimetres",
    1e-2: "cm centimeter centimeters centimetre centimetres",
    1.0: "m meter meters metre metres",
    1e3: "km kilometer kilometers kilometre kilometres",
    0.0254: "in inch inches",
}
_SIZES: Final = {name: size for size, names in _METERS.items() for name in names.split()}
_DEGREES: Final = LATITUDE_UNITS | LONGITUDE_UNITS | {"deg", "degree", "degrees", "°"}


def size_of(unit: str) -> tuple[Literal["length", "angle"] | None, float]:
    """The kind of a unit, None for others than these, and its size in meters or degrees."""
    unit = unit.strip()
    if unit in _SIZES:
        return "length", _SIZES[unit]
    return ("angle", 1.0) if unit in _DEGREES else (None, 1.0)
