"""The one place that imports Blender's Python module, and the helpers every scene file shares.

Blender is never a dependency of the product: only whoever redraws the sample clip or the training
stills needs ``pip install "bpy==4.5.*"`` (Python 3.11). Values from bpy are ``Any`` throughout,
because bpy ships no type information.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

RGB = tuple[float, float, float]  # linear light, 0..1
Vec3 = tuple[float, float, float]  # metres


class RenderSetupError(RuntimeError):
    """Blender's Python module cannot be used here; the message says what to install."""


def require_bpy() -> Any:
    """Return the bpy module, or raise RenderSetupError saying how to get it."""
    try:
        import bpy
    except ImportError as exc:
        raise RenderSetupError(
            f"Blender's Python module is missing ({exc}); install it into its own environment with "
            'Python 3.11: pip install "bpy==4.5.*" av numpy'
        ) from exc
    return bpy


def reset_scene() -> Any:
    """Empty Blender's data and return the fresh scene."""
    bpy = require_bpy()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def set_up_cycles(scene: Any, size_wh: tuple[int, int], samples: int, seed: int = 0) -> None:
    """Choose CPU path tracing with few samples and a denoiser; `size_wh` is in pixels."""
    bpy = require_bpy()
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = size_wh
    scene.render.resolution_percentage = 100
    scene.render.use_persistent_data = True  # keeps meshes and textures between frames
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.samples = samples
    cycles.seed = seed
    cycles.use_adaptive_sampling = False
    cycles.use_light_tree = False  # three lamps: choosing among them costs more than it saves
    cycles.use_denoising = True
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.denoising_quality = "FAST"
    # Two diffuse bounces light a white box well enough; more costs time and adds little at this size.
    cycles.max_bounces = 2
    cycles.diffuse_bounces = 2
    cycles.glossy_bounces = 2
    cycles.transmission_bounces = 1
    cycles.transparent_max_bounces = 4
    cycles.caustics_reflective = False
    cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 3.0
    scene.view_settings.view_transform = "Standard"  # a cheap camera, not a film
    scene.world = bpy.data.worlds.new("world")
    scene.world.color = (0.02, 0.02, 0.02)


def material(
    name: str,
    colour: RGB,
    *,
    roughness: float = 0.6,
    metallic: float = 0.0,
    emission: float = 0.0,
    speckle: float = 0.0,
    speckle_scale: float = 60.0,
) -> Any:
    """Make a surface; `speckle` (0..1) mixes in noise so that large flat faces do not look like plastic."""
    bpy = require_bpy()
    mat = bpy.data.materials.new(name)
    mat.use_nodes = True
    nodes, links = mat.node_tree.nodes, mat.node_tree.links
    shader = nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Metallic"].default_value = metallic
    if emission > 0.0:
        shader.inputs["Emission Color"].default_value = (*colour, 1.0)
        shader.inputs["Emission Strength"].default_value = emission
        mat.cycles.emission_sampling = "NONE"  # looks lit; the light itself comes from area lamps
    if speckle > 0.0:
        where = nodes.new("ShaderNodeTexCoord")
        noise = nodes.new("ShaderNodeTexNoise")
        noise.inputs["Scale"].default_value = speckle_scale
        ramp = nodes.new("ShaderNodeValToRGB")
        low = tuple(c * (1.0 - speckle) for c in colour)
        high = tuple(min(1.0, c * (1.0 + speckle)) for c in colour)
        ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[1].position = 0.35, 0.65
        ramp.color_ramp.elements[0].color = (*low, 1.0)
        ramp.color_ramp.elements[1].color = (*high, 1.0)
        links.new(where.outputs["Object"], noise.inputs["Vector"])
        links.new(noise.outputs["Fac"], ramp.inputs["Fac"])
        links.new(ramp.outputs["Color"], shader.inputs["Base Color"])
    return mat


def mesh_object(
    name: str, vertices: Sequence[Vec3], faces: Sequence[Sequence[int]], mat: Any, *, smooth: bool = False
) -> Any:
    """Link a mesh made of plain vertex and face lists to the scene."""
    bpy = require_bpy()
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([tuple(v) for v in vertices], [], [tuple(f) for f in faces])
    mesh.update()
    if smooth:
        mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))
    mesh.materials.append(mat)
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    return thing


_BOX_FACES = ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))


def box(name: str, low: Vec3, high: Vec3, mat: Any) -> Any:
    """Link an axis-aligned box between two corners (metres)."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    corners: list[Vec3] = [(x0, y0, z0), (x1, y0, z0), (x1, y1, z0), (x0, y1, z0)]
    corners += [(x, y, z1) for x, y, _ in corners]
    return mesh_object(name, corners, _BOX_FACES, mat)


def tube(name: str, points: Sequence[Vec3], radius_m: float, mat: Any, *, closed: bool = False) -> Any:
    """Link a round tube along a poly-line (metres): handrails, pram frames, tyres."""
    bpy = require_bpy()
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions = "3D"
    curve.bevel_depth = radius_m
    curve.bevel_resolution = 3
    curve.use_fill_caps = True
    spline = curve.splines.new("POLY")
    spline.points.add(len(points) - 1)
    for target, source in zip(spline.points, points, strict=True):
        target.co = (*source, 1.0)
    spline.use_cyclic_u = closed
    curve.materials.append(mat)
    thing = bpy.data.objects.new(name, curve)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def rounded_ring(half_w: float, half_h: float, count: int = 28) -> list[tuple[float, float]]:
    """Points around the origin on a super-ellipse: a rectangle with large round corners."""
    turns = (2.0 * math.pi * i / count for i in range(count))
    corner = [(math.cos(t), math.sin(t)) for t in turns]
    return [
        (math.copysign(abs(c) ** 0.6, c) * half_w, math.copysign(abs(s) ** 0.6, s) * half_h)
        for c, s in corner
    ]


def loft(name: str, rings: Sequence[Sequence[Vec3]], mat: Any, *, closed: bool = True) -> Any:
    """Link a skin over rings of as many points each; the first one is filled, and if ``closed`` the last."""
    n = len(rings[0])
    faces: list[tuple[int, ...]] = [tuple(range(n))[::-1]]
    for j in range(len(rings) - 1):
        faces += [
            (n * j + i, n * j + (i + 1) % n, n * (j + 1) + (i + 1) % n, n * (j + 1) + i) for i in range(n)
        ]
    if closed:
        faces.append(tuple(range(n * (len(rings) - 1), n * len(rings))))
    return mesh_object(name, [point for ring in rings for point in ring], faces, mat)


def along(name: str, sections: Sequence[tuple[float, float, float, float]], mat: Any, x: float = 0.0) -> Any:
    """A closed round-edged shape along y; sections are (y, middle z, half width, half height)."""
    rings = [
        [(x + a, y, z + up) for a, up in rounded_ring(half_w, half_h)] for y, z, half_w, half_h in sections
    ]
    return loft(name, rings, mat)


def sheet(name: str, rows: Sequence[Sequence[Vec3]], mat: Any) -> Any:
    """A thin smooth surface through rows of as many points each."""
    n = len(rows[0])
    faces = [
        (n * j + i, n * j + i + 1, n * (j + 1) + i + 1, n * (j + 1) + i)
        for j in range(len(rows) - 1)
        for i in range(n - 1)
    ]
    return mesh_object(name, [point for row in rows for point in row], faces, mat, smooth=True)


def area_light(name: str, at: Vec3, size_xy: tuple[float, float], power_w: float, colour: RGB) -> Any:
    """Link a rectangular light that shines straight down."""
    bpy = require_bpy()
    lamp = bpy.data.lights.new(name, "AREA")
    lamp.shape = "RECTANGLE"
    lamp.size, lamp.size_y = size_xy
    lamp.energy = power_w
    lamp.color = colour
    thing = bpy.data.objects.new(name, lamp)
    thing.location = at
    bpy.context.scene.collection.objects.link(thing)
    return thing


def corner_camera(scene: Any, at: Vec3, look_at: Vec3, hfov_deg: float, roll_deg: float = 0.0) -> Any:
    """Put the scene's camera `at` a point, looking at another, with a horizontal field of view in degrees."""
    bpy = require_bpy()
    from mathutils import Matrix, Vector

    camera = bpy.data.cameras.new("camera")
    camera.sensor_fit = "HORIZONTAL"
    camera.angle = math.radians(hfov_deg)
    camera.clip_start = 0.02
    thing = bpy.data.objects.new("camera", camera)
    turn = (Vector(look_at) - Vector(at)).to_track_quat("-Z", "Y").to_matrix()
    turn = turn @ Matrix.Rotation(math.radians(roll_deg), 3, "Z")
    thing.matrix_world = Matrix.Translation(at) @ turn.to_4x4()
    scene.collection.objects.link(thing)
    scene.camera = thing
    return thing


def join(name: str, parts: Sequence[Any]) -> Any:
    """Turn several linked objects (curves too) into one mesh object with its origin at the world's origin."""
    bpy = require_bpy()
    bpy.ops.object.select_all(action="DESELECT")
    for part in parts:
        part.select_set(True)
    bpy.context.view_layer.objects.active = parts[0]
    bpy.ops.object.convert(target="MESH")
    if len(parts) > 1:
        bpy.ops.object.join()
    whole = bpy.context.view_layer.objects.active
    bpy.ops.object.transform_apply(location=True, rotation=True, scale=True)
    whole.name = name
    return whole
