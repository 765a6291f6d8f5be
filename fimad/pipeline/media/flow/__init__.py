"""How the limbs of a person move from picture to picture, told from pixels.

Here lie which pixels a limb has (`limbs`), two estimators of its motion (`estimators`), and who leads them along a clip
(`follower`). What is done with it is the business of `fimad.simulate`. May import `skeleton`, and nothing else of fimad.
"""
