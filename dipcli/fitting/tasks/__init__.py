"""Tasks: what is restored, what a fit's output is compared through, and what becomes of it."""

from dipcli.fitting.tasks.base import AUTO, Task, parse, settle, suggestion

__all__ = ["AUTO", "Task", "parse", "settle", "suggestion"]
