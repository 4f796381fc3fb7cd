"""What the registry has stored."""

import streamlit as st

from pneumo import Client
from ui.core.figures.dataset import class_counts
from ui.core.wording import class_rows, count_of
from ui.parts.charts import chart
from ui.parts.corrections import conflicts_part
from ui.parts.page import nothing_yet


def dataset_part(client: Client) -> None:
    """Show the counts, and offer to count again: images arrive a moment after their upload."""
    dataset = client.dataset()
    if not dataset.total:
        nothing_yet("No labelled images yet.")
    else:
        classes = count_of(len(dataset.by_class), "class", "classes")
        names = sorted(dataset.by_class)
        counts = [dataset.by_class[name] for name in names]
        chart(
            class_counts(names, counts),
            key="retrain-counts",
            says=f"{count_of(dataset.total, 'image')} in {classes}.",
            numbers=class_rows(names, counts),
        )
    if dataset.conflicts:
        st.warning(
            f"{count_of(dataset.conflicts, 'image has', 'images have')} two labels, and "
            "training leaves them out until one is chosen.",
            icon=":material/rule:",
        )
        conflicts_part(client)
    if st.button("Refresh counts", icon=":material/refresh:"):
        st.rerun()
