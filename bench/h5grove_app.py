"""h5grove's routes in a Flask application, as in its documentation; files are in `GROVE_FOLDER`."""

from __future__ import annotations

import os

import flask
import hdf5plugin  # noqa: F401  # h5py reads what hdf5plugin decodes once that is imported
from h5grove.flask_utils import BLUEPRINT

application = flask.Flask(__name__)
application.register_blueprint(BLUEPRINT)
application.config["H5_BASE_DIR"] = os.environ.get("GROVE_FOLDER", ".")
