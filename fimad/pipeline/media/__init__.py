"""What is in a media file: its length and streams, pictures, sound, cuts. One decode serves every stage that looks at frames.

Nothing here knows where a file came from. May import `contract`.
"""
