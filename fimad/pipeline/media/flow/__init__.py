"""How the limbs of a person move from picture to picture, told from pixels.

Here lie which pixels a limb has (`limbs`), how they move with its joints (`motion`), two estimators of that (`estimators`),
and who leads them along a clip (`follower`). What is done with it is the business of `fimad.simulate`. May import
`skeleton`, and of `simulate` its median.
"""
