"""What tools/prepare_mosei.py is made of: computational sequences, labels, folds, words, sound, store."""
