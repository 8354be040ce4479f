"""The examples' browser without JavaScript, for the tests' stories."""

from visitor import Form, Visitor

__all__ = ["Form", "Visitor"]
