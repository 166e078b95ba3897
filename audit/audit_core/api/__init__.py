"""What plugin authors import: sdk, hooks, test kit."""
