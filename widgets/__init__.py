"""The window. All Qt code lives here; it reads the session log and talks to the engine as a child process."""
