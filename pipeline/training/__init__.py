"""Training that is deterministic, checkpointed after every epoch, and resumable bit for bit."""
