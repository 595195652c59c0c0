"""Residuals inside the training programs of others, with the real packages."""
