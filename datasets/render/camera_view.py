"""Render one frame, or only the part of it that changes, and read back picture and object mask."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.render.blender import require_bpy

Box = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels, origin top left, x1 and y1 exclusive


class View:
    """Renders the scene through its camera into `folder`."""

    def __init__(self, scene: Any, folder: Path) -> None:
        """Route the object-index pass to a mask file next to the picture."""
        bpy = require_bpy()
        self._bpy, self._scene, self._folder = bpy, scene, folder
        folder.mkdir(parents=True, exist_ok=True)
        scene.render.image_settings.file_format = "PNG"
        scene.render.image_settings.color_mode = "RGB"
        scene.view_layers[0].use_pass_object_index = True
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        layers = tree.nodes.new("CompositorNodeRLayers")
        final = tree.nodes.new("CompositorNodeComposite")
        scale = tree.nodes.new("CompositorNodeMath")
        scale.operation = "DIVIDE"
        scale.inputs[1].default_value = 255.0
        self._mask = tree.nodes.new("CompositorNodeOutputFile")
        self._mask.base_path = str(folder)
        self._mask.format.file_format = "PNG"
        self._mask.format.color_mode = "BW"
        self._mask.format.color_depth = "8"
        self._mask.format.color_management = "OVERRIDE"
        self._mask.format.view_settings.view_transform = "Raw"
        tree.links.new(layers.outputs["Image"], final.inputs["Image"])
        tree.links.new(layers.outputs["IndexOB"], scale.inputs[0])
        tree.links.new(scale.outputs[0], self._mask.inputs[0])

    @property
    def size_wh(self) -> tuple[int, int]:
        """Picture size in pixels."""
        render = self._scene.render
        return int(render.resolution_x), int(render.resolution_y)

    def render(self, region: Box | None = None) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the picture (H, W, 3) RGB and the object indices (H, W), black outside `region`."""
        width, height = self.size_wh
        render = self._scene.render
        render.use_border = region is not None
        render.use_crop_to_border = False
        if region is not None:
            x0, y0, x1, y1 = region
            render.border_min_x, render.border_max_x = x0 / width, x1 / width
            render.border_min_y, render.border_max_y = 1.0 - y1 / height, 1.0 - y0 / height
        picture = self._folder / "_picture.png"
        self._mask.file_slots[0].path = "_mask_"
        render.filepath = str(picture)
        self._bpy.ops.render.render(write_still=True)
        mask = self._folder / f"_mask_{self._scene.frame_current:04d}.png"
        indices = self._pixels(mask)[..., 0]
        return self._pixels(picture), indices

    def _pixels(self, path: Path) -> NDArray[np.uint8]:
        image = self._bpy.data.images.load(str(path), check_existing=False)
        image.colorspace_settings.name = "Non-Color"
        width, height = image.size
        flat = np.empty(width * height * 4, dtype=np.float32)
        image.pixels.foreach_get(flat)
        self._bpy.data.images.remove(image)
        upright = flat.reshape(height, width, 4)[::-1, :, :3]
        return np.ascontiguousarray(np.rint(upright * 255.0).astype(np.uint8))

    def project(self, thing: Any) -> tuple[float, float, float, float] | None:
        """Return the unclipped box (x0, y0, x1, y1; pixels) of all an object's vertices; None if behind."""
        camera = self._scene.camera
        graph = self._bpy.context.evaluated_depsgraph_get()
        solid = thing.evaluated_get(graph)
        mesh = solid.to_mesh()
        points = np.empty(len(mesh.vertices) * 3, dtype=np.float32)
        mesh.vertices.foreach_get("co", points)
        solid.to_mesh_clear()
        if points.size == 0:
            return None
        world = np.asarray(solid.matrix_world, dtype=np.float64)
        to_camera = np.linalg.inv(np.asarray(camera.matrix_world, dtype=np.float64)) @ world
        local = points.reshape(-1, 3) @ to_camera[:3, :3].T + to_camera[:3, 3]
        depth = -local[:, 2]
        if not np.any(depth > 0.05):
            return None
        local, depth = local[depth > 0.05], depth[depth > 0.05]
        width, height = self.size_wh
        focal = width / 2.0 / np.tan(camera.data.angle / 2.0)
        x = width / 2.0 + focal * local[:, 0] / depth
        y = height / 2.0 - focal * local[:, 1] / depth
        return float(x.min()), float(y.min()), float(x.max()), float(y.max())

    def region_of(self, things: Sequence[Any], margin_px: int) -> Box | None:
        """Return the part of the picture that holds these objects and a margin for their shadows."""
        boxes = [b for b in map(self.project, things) if b is not None]
        if not boxes:
            return None
        width, height = self.size_wh
        x0 = max(int(min(b[0] for b in boxes)) - margin_px, 0)
        y0 = max(int(min(b[1] for b in boxes)) - margin_px, 0)
        x1 = min(int(max(b[2] for b in boxes)) + margin_px, width)
        y1 = min(int(max(b[3] for b in boxes)) + margin_px, height)
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def paste(
    background: NDArray[np.uint8], patch: NDArray[np.uint8], region: Box, feather_px: int
) -> NDArray[np.uint8]:
    """Lay `patch` (same size) over `background` inside `region`, fading at inner edges."""
    height, width = background.shape[:2]
    x0, y0, x1, y1 = region
    xs, ys = np.arange(width), np.arange(height)
    fade = float(feather_px)
    # Blender leaves a partly filled line at a region's rim: drop one pixel even at the picture's edge.
    left = xs > 0 if x0 == 0 else np.clip((xs - x0) / fade, 0, 1)
    right = xs < width - 1 if x1 == width else np.clip((x1 - 1 - xs) / fade, 0, 1)
    top = ys > 0 if y0 == 0 else np.clip((ys - y0) / fade, 0, 1)
    bottom = ys < height - 1 if y1 == height else np.clip((y1 - 1 - ys) / fade, 0, 1)
    weight = (np.minimum(top, bottom)[:, None] * np.minimum(left, right)[None, :])[..., None]
    mixed = background * (1.0 - weight) + patch * weight
    pasted: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return pasted
