"""What operators see: metrics, logs, heartbeats and the operations server."""
