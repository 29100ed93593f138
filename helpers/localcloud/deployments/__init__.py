"""Templates of Azure Resource Manager: what they say, in which order it is to be done.

Nothing here knows the operations that create resources; the resource manager carries them out.
"""
