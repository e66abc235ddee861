"""A small PyTorch job as a user would write it: data-parallel over gloo, with a checkpoint it goes on from.

Started by torchrun, which reads everything it needs from the variables that the operator sets. Rank 0 saves to
CHECKPOINT_DIR, which all nodes see, after every tenth step; a new attempt goes on from there. What happened is left
in CHECKPOINT_DIR as `attempt-<n>.json` and, after the last step, `done.json`. The first FAULTS attempts never take the
last step, however late the fault that they wait for.
"""

from __future__ import annotations

import datetime
import json
import os
import socket
import time
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

STEPS = int(os.environ["STEPS"])
PAUSE = float(os.environ.get("PAUSE", "0.1"))
FAULTS = int(os.environ.get("FAULTS", "0"))
FOLDER = Path(os.environ["CHECKPOINT_DIR"])
ATTEMPT = int(os.environ["CROSSTREE_ATTEMPT"])
SAVED = FOLDER / "checkpoint.pt"


def save(model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Leave a checkpoint that is either the old one or the new one, never half of one."""
    half = FOLDER / f"checkpoint.pt.{ATTEMPT}"
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, half)
    half.replace(SAVED)


def note(name: str, **facts: object) -> None:
    """Leave a fact for the test to read."""
    half = FOLDER / f".{name}"
    half.write_text(json.dumps({"attempt": ATTEMPT, **facts}))
    half.replace(FOLDER / name)


def main() -> None:
    """Train, from the checkpoint if there is one, to the last step."""
    torch.set_num_threads(1)
    # Longer than any fault takes to be seen and acted on: nobody gives up on a lost peer before the operator does.
    dist.init_process_group("gloo", timeout=datetime.timedelta(minutes=5))
    rank, world = dist.get_rank(), dist.get_world_size()

    torch.manual_seed(0)
    model = DistributedDataParallel(nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 8)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    first = 0
    if SAVED.exists():
        state = torch.load(SAVED, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    starts = torch.tensor([first])
    dist.all_reduce(starts, op=dist.ReduceOp.MIN)
    assert int(starts) == first, f"rank {rank} starts at step {first}, another at {int(starts)}"
    if rank == 0:
        note(f"attempt-{ATTEMPT}.json", first=first, world=world)
    print(f"rank {rank} of {world} on {socket.gethostname()}: from step {first}", flush=True)

    for step in range(first, STEPS):
        while rank == 0 and ATTEMPT <= FAULTS and step == STEPS - 1:
            time.sleep(PAUSE)
        batch = torch.randn(16, 32, generator=torch.Generator().manual_seed(step * world + rank))
        loss = nn.functional.cross_entropy(model(batch), batch[:, :8].argmax(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if rank == 0 and (step + 1) % 10 == 0:
            save(model, optimizer, step + 1)
            print(f"step {step + 1}, loss {loss.item():.3f}", flush=True)
        time.sleep(PAUSE)  # stands for a larger model: long enough for a fault to hit it midway

    total = sum(parameter.sum() for parameter in model.parameters()).detach()
    widest = total.clone()
    dist.all_reduce(widest, op=dist.ReduceOp.MAX)
    assert abs(float(widest - total)) < 1e-5, f"rank {rank} ended with other weights than its peers"
    if rank == 0:
        note("done.json", steps=STEPS, first=first, world=world)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
