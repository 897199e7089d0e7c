"""Pure arithmetic from sound and words to what the networks eat. No waiting, no clock, no device, no torch."""
