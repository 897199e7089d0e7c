"""Where sound comes from: a microphone, recordings, or raw samples on standard input. One protocol for all three."""
