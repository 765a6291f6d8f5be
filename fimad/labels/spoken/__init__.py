"""What is said in a workout: announcements of exercises, words that speak of the exercise, and chatter.

May import the rest of `fimad.labels`.
"""
