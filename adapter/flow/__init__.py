"""The loops: intake, converge and publish, each readable on two screens."""
