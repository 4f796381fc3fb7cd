"""The documentation as a site: reference pages out of the code, and the links between pages."""
