"""Makes the container image without a container engine: root file system, OCI archive, bill of materials.

Standard library only, because the same code runs in the first stage of `operator/Dockerfile`. `localcluster` may
import `tools.image` to make images for real nodes; nothing in `operator/` may.
"""
