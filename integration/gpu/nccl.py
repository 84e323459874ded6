# SPDX-License-Identifier: Apache-2.0
# NCCL through PyTorch, one process a GPU: the same operations, sizes and figures as ours (see gpu's Bench). Printed by rank 0.
import os
import time

import torch
import torch.distributed as dist

rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
torch.cuda.set_device(rank)
dist.init_process_group("nccl", device_id=torch.device("cuda", rank))
most = 1 << 30
source = torch.randn(most // 4, device="cuda") * 1e-3
target = torch.zeros(most // 4, device="cuda")
events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
ROWS = 5


def median(values):
    middle = torch.tensor(sorted(values)[len(values) // 2], device="cuda")
    dist.all_reduce(middle, op=dist.ReduceOp.MAX)
    return middle.item()


def series(work, times):
    events[0].record()
    for _ in range(times):
        work()
    events[1].record()
    torch.cuda.synchronize()
    return events[0].elapsed_time(events[1]) * 1000 / times


def queued(work, times):
    each = []
    for _ in range(ROWS):
        work()
        torch.cuda.synchronize()
        dist.barrier()
        torch.cuda._sleep(100_000_000)  # the series is queued behind it, so that no launch is timed
        work()
        each.append(series(work, times))
    return median(each)


def in_row(work, times):
    each = []
    for _ in range(ROWS):
        torch.cuda.synchronize()
        dist.barrier()
        torch.cuda.synchronize()
        each.append(series(work, times))
    return median(each)


def single(work, times):
    each = []
    for _ in range(times):
        dist.barrier()
        torch.cuda.synchronize()
        each.append(series(work, 1))
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
        if total == 1024:
            for _ in range(200):  # 20,000 calls: the first hundreds of an operation take longer, as ours do
                for _ in range(100):
                    work()
                torch.cuda.synchronize()
            dist.barrier()
            time.sleep(1)  # PyTorch's watchdog looks after each of those calls
        times = 40 if total <= 1 << 20 else 20 if total <= 64 << 20 else 8
        figures = queued(work, times), in_row(work, times), single(work, 30 if total <= 4 << 20 else 8)
        if operation == "ALL_REDUCE":
            target.zero_()  # sums grow with every call
        if rank == 0:
            print("nccl|%s|%d|%.1f|%.1f|%.1f" % ((operation, total) + figures), flush=True)
        total *= 4
dist.destroy_process_group()
