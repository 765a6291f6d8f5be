"""The room, the camera and the picture: the posed body drawn offscreen with pyvista."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from tools.render_workout.body import Body
from tools.render_workout.pose import Floats, Pose

SKIN, SHIRT, SHORTS, SHOES, HAIR, EYES = (
    (0.80, 0.60, 0.48),
    (0.75, 0.22, 0.20),
    (0.13, 0.16, 0.24),
    (0.90, 0.90, 0.88),
    (0.16, 0.11, 0.08),
    (0.12, 0.10, 0.10),
)


@dataclass(frozen=True)
class Camera:
    """A still pinhole camera. `fov_deg` is the vertical field of view; z stays up, so y is away from the camera."""

    position_m: tuple[float, float, float] = (0.0, -4.5, 1.35)
    focal_point_m: tuple[float, float, float] = (0.0, 0.0, 1.05)
    fov_deg: float = 30.0
    width_px: int = 1280
    height_px: int = 720


def colours(body: Body) -> NDArray[np.uint8]:
    """(v, 3) a T-shirt, shorts, shoes and hair, told apart by the bones that move the skin."""
    rest, bones = body.rest_vertices_m, body.dominant_bones()
    crown, face_y = rest[:, 2].max(), rest[bones_of(bones, "head"), 1].min()
    waist = body.rest_m["spine04"][2]
    result = np.empty((len(bones), 3))
    for index, bone in enumerate(bones):
        _, y, z = rest[index]
        part = bone.split(".")[0]
        colour = SKIN
        if part.startswith(("spine", "clavicle", "shoulder", "upperarm01")):
            colour = SHIRT if z > waist else SHORTS
        elif part.startswith(("root", "pelvis", "upperleg01", "upperleg02")):
            colour = SHORTS
        elif part.startswith(("foot", "toe")):
            colour = SHOES
        elif part == "eye":
            colour = EYES
        elif part == "head" and (z > crown - 0.045 or (z > crown - 0.17 and y > face_y + 0.13)):
            colour = HAIR
        result[index] = colour
    return (result * 255).astype(np.uint8)


def bones_of(bones: list[str], name: str) -> NDArray[np.bool_]:
    return np.array([bone == name for bone in bones])


def _room(plotter: pv.Plotter) -> None:
    """A gym corner. It stands still and has edges everywhere, so a tool that follows the background finds some."""
    plotter.set_background("#aebbc0")

    def box(bounds: tuple[float, float, float, float, float, float], colour: str) -> None:
        plotter.add_mesh(pv.Box(bounds), color=colour, ambient=0.35, diffuse=0.65)

    for row in range(9):  # floor boards
        for column in range(7):
            shade = ("#9c8468", "#a38b6e", "#957d62")[(row * 2 + column) % 3]
            left = -4.2 + column * 1.2
            box((left, left + 1.19, -1.6 + row * 0.4, -1.21 + row * 0.4, -0.03, -0.004), shade)
    box((-4.5, 4.5, 2.0, 2.1, 0.0, 3.2), "#c3ccce")  # wall
    box((-4.5, 4.5, 1.96, 2.0, 0.0, 0.12), "#6d7478")  # skirting board
    box((-2.35, -1.25, 1.95, 2.0, 1.25, 2.15), "#f0f2ee")  # window frame
    box((-2.28, -1.83, 1.93, 1.95, 1.32, 2.08), "#8fb4cf")
    box((-1.77, -1.32, 1.93, 1.95, 1.32, 2.08), "#86abc6")
    box((1.35, 2.15, 1.95, 2.0, 1.15, 2.2), "#d9b44a")  # poster
    box((1.45, 2.05, 1.93, 1.95, 1.75, 2.1), "#34506b")
    box((1.45, 1.85, 1.93, 1.95, 1.3, 1.36), "#34506b")
    box((1.45, 1.95, 1.93, 1.95, 1.45, 1.51), "#34506b")
    box((1.5, 2.3, 1.45, 1.85, 0.0, 0.42), "#7d5a3c")  # bench
    box((-0.95, 0.95, -0.55, 0.75, -0.004, -0.001), "#5c7f73")  # mat
    for x, colour in ((-2.15, "#3c4a8c"), (-1.75, "#8c3c4a"), (-1.38, "#3c8c5a")):  # balls
        ball = pv.Sphere(radius=0.16, center=(x, 1.6, 0.16), theta_resolution=32, phi_resolution=32)
        plotter.add_mesh(ball, color=colour, smooth_shading=True)


def frames(body: Body, pose: Pose, camera: Camera, batch: int = 60) -> Iterator[NDArray[np.uint8]]:
    """(height, width, 3) RGB pictures, one for each pose."""
    plotter = pv.Plotter(off_screen=True, window_size=(camera.width_px, camera.height_px), lighting="none")
    plotter.enable_anti_aliasing("msaa", multi_samples=4)
    plotter.add_light(pv.Light(position=(-2.5, -5.0, 5.0), focal_point=(0, 0, 1), intensity=0.75))
    plotter.add_light(pv.Light(position=(4.0, -4.0, 3.0), focal_point=(0, 0, 1), intensity=0.35))
    _room(plotter)
    faces = np.hstack([np.full((len(body.faces), 1), 3), body.faces]).ravel()
    skin = pv.PolyData(body.rest_vertices_m.copy(), faces)
    skin["rgb"] = colours(body)
    shadows = []
    for _ in range(3):
        disc = pv.Disc(inner=0.0, outer=1.0, c_res=40)
        base = disc.points.copy()
        plotter.add_mesh(disc, color="black", opacity=0.22, lighting=False)
        shadows.append((disc, base))
    plotter.add_mesh(skin, scalars="rgb", rgb=True, smooth_shading=True, ambient=0.32, specular=0.08)
    plotter.camera.position = camera.position_m
    plotter.camera.focal_point = camera.focal_point_m
    plotter.camera.up = (0, 0, 1)
    plotter.camera.view_angle = camera.fov_deg
    try:
        for start in range(0, len(pose), batch):
            skeleton = body.skeleton(pose.part(slice(start, start + batch)))
            vertices = body.vertices_m(skeleton)
            for index in range(len(vertices)):
                skin.points = vertices[index]
                skin.compute_normals(inplace=True, split_vertices=False, cell_normals=False)
                spots = [skeleton.head_m[bone][index] for bone in ("foot.L", "foot.R", "root")]
                for (disc, base), spot, size in zip(shadows, spots, (0.13, 0.13, 0.26), strict=True):
                    disc.points = _shadow(base, spot, size)
                plotter.render()
                yield np.ascontiguousarray(plotter.screenshot(return_img=True))
    finally:
        plotter.close()


def _shadow(disc: Floats, above_m: Floats, size_m: float) -> Floats:
    return disc * size_m * (1 - 0.25 * np.tanh(above_m[2] - 0.1)) * [1, 0.8, 0] + [above_m[0], above_m[1], 0.001]
