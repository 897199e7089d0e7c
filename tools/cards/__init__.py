"""What tools/measure_card.py is made of: manifests of its own, measurements, speed, plots, the text of a card."""
