"""Tasks: what is restored, and what the output is compared through; a file each."""

from dipcli.fitting.tasks.base import AUTO, Task, parse, resolve, suggestion

__all__ = ["AUTO", "Task", "parse", "resolve", "suggestion"]
