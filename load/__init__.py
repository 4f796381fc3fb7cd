"""Load for a running stack: pictures, shapes, and the soak that ends with a verdict."""
