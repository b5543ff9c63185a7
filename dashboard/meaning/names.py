"""What dimensions and datasets are, by the names that people give them."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final


class Role(Enum):
    """What a dimension is in space and time."""

    X = "x"
    Y = "y"
    Z = "z"
    TIME = "time"
    CHANNEL = "channel"
    SPECTRUM = "spectrum"
    ANGLE = "angle"


_NAMES: Final = {
    Role.X: "x lon longitude easting col cols column columns width grid_longitude rlon xc"
    " projection_x_coordinate",
    Role.Y: "y lat latitude northing row rows line lines height grid_latitude rlat yc projection_y_coordinate",
    Role.Z: "z depth slice slices plane level lev altitude pressure plev section",
    Role.TIME: "t time times frame frames date datetime",
    Role.CHANNEL: "c ch channel channels rgb rgba color colour class classes label labels component components",
    Role.SPECTRUM: "band bands wavelength wavelengths wavenumber wavenumbers energy energies frequency frequencies"
    " spectral spectrum",
    Role.ANGLE: "theta angle angles rotation_angle",
}
_ROLES: Final = {name: role for role, names in _NAMES.items() for name in names.split()}
# Names of datasets that are labels of other data.
LABELS: Final = re.compile(
    r"(^|[/_\W])(labels?|labelled|segmentations?|segmented|seg|instances?|neuron_ids|annotations?|superpixels?"
    r"|watershed|(cell|feature|grain|object)_?ids?)($|[/_\W\d])",
    re.IGNORECASE,
)
# As the CF conventions list them (section 4.1 and 4.2).
LATITUDE_UNITS: Final = frozenset(
    "degrees_north degree_north degree_N degrees_N degreeN degreesN".split()
)
LONGITUDE_UNITS: Final = frozenset(
    "degrees_east degree_east degree_E degrees_E degreeE degreesE".split()
)


def role_of(name: str, unit: str = "") -> Role | None:
    """The role of a dimension; None where its name says nothing."""
    if unit in LATITUDE_UNITS:
        return Role.Y
    if unit in LONGITUDE_UNITS:
        return Role.X
    return _ROLES.get(re.split(r"[\s(\[]", name.strip().lower(), maxsplit=1)[0])
