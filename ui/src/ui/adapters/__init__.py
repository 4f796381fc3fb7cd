"""The outside world: Streamlit's server, and the gateway."""
