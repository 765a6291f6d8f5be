"""Where videos come from: sources, lists, info.json files, captions, yt-dlp, and what may be asked for over the network.

Nothing here decodes a picture or knows a workspace. May import `media` and `contract`.
"""
