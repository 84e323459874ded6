# SPDX-License-Identifier: Apache-2.0
# NCCL through PyTorch, one process a GPU: the same operations, sizes and figures as ours (see gpu's Bench). Printed by rank 0.
import os

import torch
import torch.distributed as dist

rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
torch.cuda.set_device(rank)
dist.init_process_group("nccl", device_id=torch.device("cuda", rank))
most = 1 << 30
source = torch.randn(most // 4, device="cuda") * 1e-3
target = torch.zeros(most // 4, device="cuda")
events = [torch.cuda.Event(enable_timing=True) for _ in range(64)]


def median(values):
    middle = torch.tensor(sorted(values)[len(values) // 2], device="cuda")
    dist.all_reduce(middle, op=dist.ReduceOp.MAX)
    return middle.item()


def queued(work, times):
    work(), work()
    torch.cuda.synchronize()
    dist.barrier()
    torch.cuda._sleep(100_000_000)  # the work is queued behind it, so that no launch is timed
    for i in range(times):
        work()
        events[i].record()
    torch.cuda.synchronize()
    return median([events[i - 1].elapsed_time(events[i]) * 1000 for i in range(1, times)])


def in_row(work, times):
    each = []
    for _ in range(5):
        torch.cuda.synchronize()
        dist.barrier()
        torch.cuda.synchronize()
        events[0].record()
        for _ in range(times):
            work()
        events[1].record()
        torch.cuda.synchronize()
        each.append(events[0].elapsed_time(events[1]) * 1000 / times)
    return median(each)


def single(work, times):
    each = []
    for _ in range(times):
        dist.barrier()
        torch.cuda.synchronize()
        events[0].record()
        work()
        events[1].record()
        torch.cuda.synchronize()
        each.append(events[0].elapsed_time(events[1]) * 1000)
    return median(each)


if rank == 0:
    print("about|PyTorch %s, NCCL %s" % (torch.__version__, ".".join(map(str, torch.cuda.nccl.version()))), flush=True)
for operation in ["ALL_REDUCE", "REDUCE_SCATTER", "ALL_GATHER", "BROADCAST", "ALL_TO_ALL"]:
    total = 1024
    while total <= most:
        whole = operation in ("ALL_REDUCE", "BROADCAST")
        n = (total if whole else total // size // 16 * 16) // 4
        work = {
            "ALL_REDUCE": lambda: dist.all_reduce(target[:n]),
            "REDUCE_SCATTER": lambda: dist.reduce_scatter_tensor(target[:n], source[: n * size]),
            "ALL_GATHER": lambda: dist.all_gather_into_tensor(target[: n * size], source[:n]),
            "BROADCAST": lambda: dist.broadcast(target[:n], 0),
            "ALL_TO_ALL": lambda: dist.all_to_all_single(target[: n * size], source[: n * size]),
        }[operation]
        times = 40 if total <= 1 << 20 else 20 if total <= 64 << 20 else 8
        figures = queued(work, times), in_row(work, times), single(work, 30 if total <= 4 << 20 else 8)
        if operation == "ALL_REDUCE":
            target.zero_()  # sums grow with every call
        if rank == 0:
            print("nccl|%s|%d|%.1f|%.1f|%.1f" % ((operation, total) + figures), flush=True)
        total *= 4
dist.destroy_process_group()
