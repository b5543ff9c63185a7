"""The tests; `tests.files` and `tests.parts` are what several of them build on."""
