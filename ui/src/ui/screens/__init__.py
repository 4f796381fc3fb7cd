"""The four pages: thin functions from an API response to what is drawn.

The folder must not be called `pages`: Streamlit serves a folder of that name beside `app.py` as
its own multipage app until `st.navigation` has run once, so every address but `/` was blank.
"""
