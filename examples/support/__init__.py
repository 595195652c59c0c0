"""What all scripts share: options, the training loop, networks, what a run leaves."""
