"""Templates of Azure Resource Manager."""
