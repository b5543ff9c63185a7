"""The HTTP interface and the page; the only package that imports Flask and Dash."""
