"""The world outside: every module here answers one port; none of them decides anything."""
