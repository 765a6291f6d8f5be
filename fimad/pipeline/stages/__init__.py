"""The stages, one module each (a package where a stage has parts of its own), and the registry that lists them.

A stage turns tables and a media file into one table. It knows nothing of workspaces, retries or workers. May import
`acquire`, `media`, `contract`, `fimad.simulate` and `fimad.models`.
"""
