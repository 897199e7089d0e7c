"""The networks and the numbers they agree on. Pure PyTorch; nothing here waits, reads a clock or opens a device."""
