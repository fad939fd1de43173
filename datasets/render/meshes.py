"""Bought-in meshes: which file is what, how big it is in life, and whether it may be shown in public."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.render.blender import join, require_bpy


@dataclass(frozen=True, slots=True)
class MeshSpec:
    """One mesh file and what it takes to stand it on the floor, nose towards +Y, in metres."""

    file: str
    kind: str  # a class name of the detector, or "clutter"
    length_m: float  # along the direction of travel, from product sheets of comparable things
    turn_deg: float  # about the vertical, so that the nose points to +Y
    shippable: bool  # False: licence unknown or share-alike, for training pictures only


MESHES: tuple[MeshSpec, ...] = (
    MeshSpec("emoped_01.glb", "e_bike", 1.72, 180.0, True),
    MeshSpec("vespa_01.glb", "e_bike", 1.75, 0.0, False),
    MeshSpec("vespa_02.glb", "e_bike", 1.75, 180.0, False),
    MeshSpec("kick_scooter_01.glb", "kick_scooter", 1.15, 90.0, True),
    MeshSpec("kick_scooter_02.glb", "kick_scooter", 1.15, 0.0, True),
    MeshSpec("bicycle_02.glb", "bicycle", 1.75, 90.0, False),
    MeshSpec("bicycle_03.glb", "bicycle", 1.75, 90.0, False),
    MeshSpec("wheelchair_01.glb", "wheelchair", 1.05, 180.0, False),
    MeshSpec("wheelchair_02.glb", "wheelchair", 1.05, 90.0, True),
    MeshSpec("wheelchair_03.glb", "wheelchair", 1.05, 0.0, True),
    MeshSpec("stroller_01.glb", "stroller", 1.0, -90.0, False),
    MeshSpec("suitcase_01.glb", "clutter", 0.3, 0.0, True),
)


def spec_of(file: str) -> MeshSpec:
    """Return the entry for a file name; KeyError if the file is not listed."""
    for spec in MESHES:
        if spec.file == file:
            return spec
    raise KeyError(file)


def load_mesh(folder: Path, spec: MeshSpec) -> Any:
    """Import a mesh as one object: nose to +Y, wheels on z = 0, middle over the origin, metres.

    Raises: FileNotFoundError with the path if the file is not in `folder`.
    """
    bpy = require_bpy()
    path = folder / spec.file
    if not path.is_file():
        raise FileNotFoundError(f"mesh {path} is missing; pass --models with the folder that holds it")
    before = set(bpy.context.scene.objects)
    bpy.ops.import_scene.gltf(filepath=str(path))
    fresh = [o for o in bpy.context.scene.objects if o not in before]
    solid = [o for o in fresh if o.type == "MESH"]
    for thing in solid:
        world = thing.matrix_world.copy()
        thing.parent = None
        thing.matrix_world = world
        if thing.data.users > 1:  # joining and applying scale need a mesh of its own
            thing.data = thing.data.copy()
    for thing in fresh:
        if thing.type != "MESH":
            bpy.data.objects.remove(thing)
    whole = join(Path(spec.file).stem, solid)
    whole.rotation_mode = "XYZ"
    whole.rotation_euler = (0.0, 0.0, math.radians(spec.turn_deg))
    bpy.ops.object.transform_apply(location=True, rotation=True, scale=True)
    _stand_on_floor(whole, spec.length_m)
    return whole


def _stand_on_floor(whole: Any, length_m: float) -> None:
    from mathutils import Matrix

    corners = [tuple(c) for c in whole.bound_box]
    low = [min(c[i] for c in corners) for i in range(3)]
    high = [max(c[i] for c in corners) for i in range(3)]
    scale = length_m / (high[1] - low[1])
    to_origin = Matrix.Translation((-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2]))
    whole.data.transform(Matrix.Scale(scale, 4) @ to_origin)
    whole.data.update()
