"""What tools/study.py is made of: the list of runs, scores, figures, the page."""
