"""How good events and sounds are: measures of this field, each as its source defines it."""
