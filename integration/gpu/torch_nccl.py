# SPDX-License-Identifier: Apache-2.0
# NCCL through PyTorch: event pair around each call, launched on an idle stream, and queued; median of ranks' medians, worst rank
import os, sys, torch, torch.distributed as dist
r = int(os.environ["RANK"]); n = int(os.environ["WORLD_SIZE"])
torch.cuda.set_device(r)
dist.init_process_group("nccl", device_id=torch.device("cuda", r))
for total in [1 << 10, 8 << 10, 64 << 10, 1 << 20, 8 << 20, 64 << 20, 256 << 20, 1 << 30]:
    x = torch.randn(total // 4, device="cuda") * 1e-3
    for _ in range(3): dist.all_reduce(x)
    torch.cuda.synchronize(); out = []
    for _ in range(20):
        dist.barrier(); torch.cuda.synchronize()
        a, b = torch.cuda.Event(True), torch.cuda.Event(True)
        a.record(); dist.all_reduce(x); b.record(); torch.cuda.synchronize()
        out.append(a.elapsed_time(b) * 1000); x.mul_(0.01)
    m = torch.tensor(sorted(out)[10], device="cuda"); dist.all_reduce(m, op=dist.ReduceOp.MAX)
    if r == 0: print(f"torch {torch.__version__} nccl {torch.cuda.nccl.version()} gpus {n} all-reduce {total} B {m.item():.1f} us", flush=True)
dist.destroy_process_group()
