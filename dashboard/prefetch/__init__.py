"""Prediction of the bricks that viewers will need, and the worker that decodes them ahead."""
