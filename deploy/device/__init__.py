"""What a device is: its interface, its entry in the registry, its cores, its lock."""
