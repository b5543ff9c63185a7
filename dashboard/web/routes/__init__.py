"""The routes of the HTTP interface, by subject; `dashboard.web.api` puts them together."""
