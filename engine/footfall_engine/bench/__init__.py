"""`footfall bench`: every figure that Footfall promises, measured on this machine. A file for each group of figures."""
