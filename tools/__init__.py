"""Programs for developers; they import the house and are imported by none of it."""
