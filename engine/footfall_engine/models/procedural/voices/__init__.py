"""The sounds themselves, by kind; `families.py` lists them."""
