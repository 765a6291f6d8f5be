"""What is asked for over the network, by yt-dlp: how politely, from which addresses, and what its errors mean.

May import `media`, `contract` and what `acquire` is made of.
"""
