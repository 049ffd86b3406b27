"""Every picture, as inline SVG: from a few primitives, from plain data, and never with a number of its own making."""
