"""Charts as Plotly figures: made from numbers, drawn by whoever has a page."""
