"""Where processes run: bubblewrap or a chroot, their root file systems, networks and output."""
