"""From the bytes of a file to the rows of a register. Runs in a worker process."""
