"""What tools/train.py is made of: corpora, sound store, augmentation, teacher, stages, report."""
