"""Many pods come and go; the node must be as it was before."""
