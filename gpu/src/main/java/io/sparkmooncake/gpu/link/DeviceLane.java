// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.DeviceEvent;
import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.driver.KernelModule;
import io.sparkmooncake.gpu.driver.PinnedMemory;
import io.sparkmooncake.gpu.kernel.Kernels;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * One device of a transport: streams that no other work shares, kernels that are all loaded before the first copy, and the thread that
 * polls what is on its way. Whoever submits queues the first copies itself; the thread goes on with the rest.
 *
 * <p>Threading: everything is guarded by the lane itself but {@link #submit}, {@link #close} and what says otherwise. What callers are
 * told runs without the lock.
 */
final class DeviceLane implements AutoCloseable {
    private static final int STREAMS = 4;
    private static final int ROOMS = 8;
    private static final int GRID = 132;
    private static final int BLOCK = 512;
    private static final int WARPS = BLOCK / 32;
    private static final long SPIN_NANOS = 100_000;
    private static final long PAUSE_NANOS = 20_000;
    private static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final long SMALL_NANOS = TimeUnit.SECONDS.toNanos(10);

    /** Batches that were told to end have nothing to do but wait for two slices. */
    private static final long CLOSE_NANOS = TimeUnit.SECONDS.toNanos(60);

    private static final int SMALL_BYTES = 4096;

    private final Device device;
    private final Runnable onIdle;
    private final KernelModule kernels;
    private final long[] table = new long[1];
    private final long[] rows = new long[1];
    private final KernelModule.Kernel gather;
    private final List<DeviceStream> streams = new ArrayList<>();
    private final List<DeviceEvent> joins = new ArrayList<>();
    private final DeviceStream small;
    private final PinnedMemory smallBytes;
    private final Thread thread;

    @GuardedBy("this")
    private final ArrayDeque<SliceRoom> rooms = new ArrayDeque<>();

    @GuardedBy("this")
    private final List<BatchRun> runs = new ArrayList<>();

    @GuardedBy("this")
    private int roomsMade;

    private final ConcurrentLinkedQueue<Runnable> chores = new ConcurrentLinkedQueue<>();
    private volatile boolean closing;
    private volatile @Nullable String lost;

    DeviceLane(String transport, Device device, Runnable onIdle) {
        this.device = device;
        this.onIdle = onIdle;
        try (Taken taken = new Taken()) {
            this.kernels = taken.add(Kernels.load(device), KernelModule::close);
            this.gather = kernels.kernel("gatherBlocks", table, rows);
            for (int i = 0; i < STREAMS; i++) {
                streams.add(taken.add(device.stream(), DeviceStream::close));
                joins.add(taken.add(device.event(), DeviceEvent::close));
            }
            this.small = taken.add(device.stream(), DeviceStream::close);
            this.smallBytes = device.pin(SMALL_BYTES);
            taken.keep();
        }
        this.thread = new Thread(
                this::poll, "mooncake-" + transport + "-" + device.identity().ordinal());
        thread.setDaemon(true);
        thread.start();
    }

    Device device() {
        return device;
    }

    /** Returns what the device failed with for good; null while it works. From any thread. */
    @Nullable
    String lost() {
        return lost;
    }

    /** Begins a batch. From any thread, without the lock. */
    void submit(BatchRun run) {
        boolean under;
        List<Runnable> after = new ArrayList<>();
        synchronized (this) {
            under = !isOver(run, after);
            if (under) {
                runs.add(run);
            }
        }
        after.forEach(Runnable::run);
        if (under) {
            LockSupport.unpark(thread);
        }
    }

    /** Has the thread look at once. From any thread. */
    void wake() {
        LockSupport.unpark(thread);
    }

    /** Has the thread do something with the lock held. From any thread, whatever locks it holds. */
    void later(Runnable chore) {
        chores.add(chore);
        wake();
    }

    synchronized @Nullable SliceRoom room() {
        SliceRoom room = rooms.poll();
        if (room == null && roomsMade < ROOMS) {
            room = new SliceRoom(device);
            roomsMade++;
        }
        if (room != null) {
            room.clear();
        }
        return room;
    }

    synchronized void give(SliceRoom room) {
        rooms.add(room);
    }

    DeviceStream stream(int number) {
        return streams.get(number % STREAMS);
    }

    /** Queues the launch that copies all blocks of a table. */
    void gather(SliceRoom room) {
        table[0] = room.table(stream(0));
        rows[0] = room.rows();
        gather.launch(Math.max(1, Math.min(GRID, (room.rows() + WARPS - 1) / WARPS)), BLOCK, stream(0));
    }

    /** Lets the first stream wait for the others up to a number. */
    void join(int used) {
        for (int i = 1; i < Math.min(used, STREAMS); i++) {
            joins.get(i).record(stream(i));
            stream(0).await(joins.get(i));
        }
    }

    /** Reads a few bytes that this device reaches; waits for that copy alone. */
    ByteBuffer read(long address, int bytes) {
        device.download(smallBytes, 0, address, bytes, small);
        awaitSmall(address);
        return smallBytes.bytes();
    }

    /** Writes what was put into the buffer that {@link #read} returns. */
    void write(long address, int bytes) {
        device.upload(address, smallBytes, 0, bytes, small);
        awaitSmall(address);
    }

    private void awaitSmall(long address) {
        long endNanos = System.nanoTime() + SMALL_NANOS;
        while (!small.isIdle()) {
            if (System.nanoTime() - endNanos > 0) {
                throw new GpuException(
                        GpuException.Code.DEVICE_LOST,
                        "a small copy at address=0x" + Long.toHexString(address) + " on " + device
                                + " did not end within limit=" + TimeUnit.NANOSECONDS.toMillis(SMALL_NANOS) + " ms");
            }
            Thread.onSpinWait();
        }
    }

    /** Notes that the device does nothing any more. */
    void lose(String reason) {
        if (lost == null) {
            lost = reason;
        }
    }

    private void lose(RuntimeException e) {
        lose(e instanceof GpuException known ? known.getMessage() : "a defect: " + e);
    }

    private void poll() {
        long workedNanos = System.nanoTime();
        long lookedNanos = workedNanos;
        while (true) {
            List<Runnable> after = new ArrayList<>();
            boolean idle;
            synchronized (this) {
                doChores();
                runs.removeIf(run -> isOver(run, after));
                idle = runs.isEmpty();
                if (idle && closing && after.isEmpty() && chores.isEmpty()) {
                    return;
                }
            }
            after.forEach(this::guard);
            if (!after.isEmpty()) {
                workedNanos = System.nanoTime();
            } else if (idle && System.nanoTime() - workedNanos > SPIN_NANOS) {
                LockSupport.parkNanos(IDLE_NANOS);
                if (System.nanoTime() - lookedNanos > IDLE_NANOS) {
                    guard(onIdle);
                    lookedNanos = System.nanoTime();
                }
                workedNanos = System.nanoTime();
            } else if (System.nanoTime() - workedNanos > SPIN_NANOS) {
                LockSupport.parkNanos(PAUSE_NANOS);
            } else {
                Thread.onSpinWait();
            }
        }
    }

    private void doChores() {
        for (Runnable chore = chores.poll(); chore != null; chore = chores.poll()) {
            guard(chore);
        }
    }

    /** Nothing ends the thread but {@link #close}: without it batches would wait for ever. */
    private void guard(Runnable work) {
        try {
            work.run();
        } catch (RuntimeException e) {
            lose(e);
        }
    }

    /** What fails here loses the device, and the next look ends the batch for that. */
    private boolean isOver(BatchRun run, List<Runnable> after) {
        boolean wasLost = lost != null;
        try {
            return run.advance(after);
        } catch (RuntimeException e) {
            lose(e);
            return wasLost;
        }
    }

    /**
     * Waits for the copies under way, whose batches were told to end before. What a device that does nothing any more has taken is
     * given back with the process: freeing it could wait for the device.
     */
    @Override
    public void close() {
        closing = true;
        long beganNanos = System.nanoTime();
        boolean interrupted = false;
        while (thread.isAlive() && System.nanoTime() - beganNanos < CLOSE_NANOS + SMALL_NANOS) {
            if (System.nanoTime() - beganNanos > CLOSE_NANOS) {
                lose("copies did not end within limit=" + TimeUnit.NANOSECONDS.toMillis(CLOSE_NANOS)
                        + " ms of closing");
            }
            wake();
            try {
                thread.join(100);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (lost != null) {
            return;
        }
        try {
            free();
        } catch (GpuException e) {
            if (e.code() != GpuException.Code.DEVICE_LOST) {
                throw e;
            }
        }
    }

    private synchronized void free() {
        rooms.forEach(SliceRoom::close);
        rooms.clear();
        joins.forEach(DeviceEvent::close);
        streams.forEach(DeviceStream::close);
        small.close();
        smallBytes.close();
        kernels.close();
    }
}
