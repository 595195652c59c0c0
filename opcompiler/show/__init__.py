"""How a plan is shown. Reads plans only; a new view is a file in this folder."""
