"""The page: layout, panels, charts, and the callbacks that Dash knows of."""
