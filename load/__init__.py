"""Load for a running stack: images, shapes, the soak, trials on Docker and Kubernetes."""
