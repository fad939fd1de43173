"""What people and programs touch: settings, store, HTTP, pages and the command line."""
