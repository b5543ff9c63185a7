"""The HTTP interface and the page; the only room that knows Flask and Dash."""
