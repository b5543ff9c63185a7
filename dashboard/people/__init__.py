"""Who may use the server: the token, sessions of browsers, and the limit of failed sign-ins."""
