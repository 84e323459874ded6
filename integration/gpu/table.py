# SPDX-License-Identifier: Apache-2.0
# Puts the rows of ours and of NCCL together: table.py FILE RANKS [brief]. Exits with 1 where a result was wrong or a row is missing.
import sys

ours, nccl, failed = {}, {}, 0
for line in open(sys.argv[1], errors="replace"):
    cells = line.strip().split("|")
    if cells[0] == "ours":
        ours[cells[1], int(cells[2])] = cells[3:]
    elif cells[0] == "nccl":
        nccl[cells[1], int(cells[2])] = cells[3:]
    elif cells[0] == "about":
        print(cells[1])
ranks, behind = int(sys.argv[2]), []
print("| operation | bytes | way | queued us: ours | NCCL | NCCL / ours | in a row us: ours | NCCL | NCCL / ours | single us: ours | NCCL | NCCL / ours | blocking call us | GB/s | right |")
print("|---" * 15 + "|")
for (operation, total), (way, queued, row, single, call, right) in ours.items():
    theirs = nccl.get((operation, total), ["", "", ""])
    ratio = [float(n) / float(o) if n else 0 for n, o in zip(theirs, (queued, row, single))]
    share = (ranks - 1) / ranks * (2 if operation == "ALL_REDUCE" else 1) if operation != "BROADCAST" else 1
    print("| %s | %d | %s | %s | %s | %.2f | %s | %s | %.2f | %s | %s | %.2f | %s | %.0f | %s |" % (
        operation, total, way, queued, theirs[0], ratio[0], row, theirs[1], ratio[1], single, theirs[2], ratio[2], call, total * share / float(queued) / 1000, right))
    failed += right != "yes"
    if theirs[0] and min(ratio) < 1:
        behind.append("%s of %d: %.2f queued, %.2f in a row, %.2f single" % ((operation, total) + tuple(ratio)))
print("%d rows, %d wrong, %s; behind NCCL in %d: %s" % (
    len(ours), failed, "NCCL not run" if not nccl else "NCCL in all" if len(nccl) >= len(ours) else "NCCL in %d" % len(nccl), len(behind), "; ".join(behind) or "none"))
sys.exit(failed > 0 or len(ours) < (11 if len(sys.argv) > 3 else 55))
