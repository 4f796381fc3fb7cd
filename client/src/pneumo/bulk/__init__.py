"""Many images: found, asked about with bounded means, written down so that it can go on."""
