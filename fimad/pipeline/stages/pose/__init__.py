"""Stage `pose`: where the person's landmarks are, frame by frame.

`stage` is the stage, `landmarker` the estimator, `detector` finds the person, `roi` is the region both look at, `tflite` runs
the models, `mediapipe_tasks` is the other backend.
"""
