"""Dapr's building blocks and handlers for guests in Python.

Each building block is a module: `state`, `pubsub`, `topic` and so on. What is not wrapped can be imported as it is, from
`wit_world.imports`; `pillion-py --types FOLDER` writes its types and documentation for an editor.
"""
