"""The parts of `tools/tune_mood.py` and `tools/measure_alarms.py`."""
