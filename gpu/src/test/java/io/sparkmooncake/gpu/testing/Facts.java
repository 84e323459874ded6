// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.testing;

import io.sparkmooncake.gpu.driver.AddressKind;
import io.sparkmooncake.gpu.driver.Cuda;
import io.sparkmooncake.gpu.driver.DeviceIdentity;
import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.driver.KernelModule;
import io.sparkmooncake.gpu.driver.PinnedMemory;
import io.sparkmooncake.gpu.driver.VirtualMemory.HandleType;
import io.sparkmooncake.gpu.kernel.Kernels;
import io.sparkmooncake.gpu.memory.DescriptorSockets;
import io.sparkmooncake.gpu.memory.DeviceExtent;
import io.sparkmooncake.gpu.memory.DevicePool;
import io.sparkmooncake.gpu.memory.DeviceRegion;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/** What the driver offers and refuses here, and whether it is told rightly. */
final class Facts {
    private final GpuRank rank;
    private boolean good = true;

    Facts(GpuRank rank) {
        this.rank = rank;
    }

    boolean run() throws Exception {
        for (DeviceIdentity each : Cuda.devices()) {
            rank.say(
                    "facts: %s uuid=%s capability=%d multiprocessors=%d bytes=%d",
                    each.describe(), each.uuid(), each.computeCapability(), each.multiprocessors(), each.totalBytes());
        }
        loading();
        String descriptors = rank.device.virtual().probe(HandleType.POSIX_FD, DescriptorSockets::close);
        holds("POSIX_FD memory is made, exported, imported, written and read back", descriptors.isEmpty(), descriptors);
        String fabric = rank.device.virtual().probe(HandleType.FABRIC, DescriptorSockets::close);
        rank.say("facts: path mnnvl: %s", fabric.isEmpty() ? "offered" : "refused: " + fabric);
        holds(
                "FABRIC is offered, or refused with a cause",
                fabric.isEmpty() || fabric.contains("the driver says"),
                fabric);
        kinds();
        standsStill();
        pools();
        return good;
    }

    private void holds(String what, boolean holds, String detail) {
        good &= holds;
        rank.say("facts: %s: %s %s", what, holds ? "ok" : "FAILED", detail);
    }

    private void loading() {
        long begin = System.nanoTime();
        KernelModule machineCode = Kernels.load(rank.device);
        long loaded = System.nanoTime();
        rank.say("facts: %d kernels loaded after %d ms", machineCode.count(), (loaded - begin) / 1_000_000);
        holds("all kernels are loaded", machineCode.count() == Kernels.names().size(), "");
        machineCode.close();
        try {
            rank.device.load(new byte[] {1, 2, 3, 4, 0}, List.of("none")).close();
            holds("an image that is none is refused", false, "");
        } catch (GpuException e) {
            holds("an image that is none is refused", true, e.getMessage());
        }
        try {
            String ptx = Reference.ptx().replace(".entry tail(", ".entry tale(");
            rank.device
                    .load((ptx + "\0").getBytes(java.nio.charset.StandardCharsets.US_ASCII), List.of("gate", "tail"))
                    .close();
            holds("a module without one of its kernels is refused", false, "");
        } catch (GpuException e) {
            holds("a module without one of its kernels is refused", true, e.getMessage());
        }
    }

    private void kinds() {
        long plain = rank.device.plain().allocate(1 << 20);
        AddressKind ofPlain = rank.device.kindOf(plain);
        holds(
                "cuMemAlloc memory is a device's that legacy IPC opens",
                ofPlain.memory() == AddressKind.Memory.DEVICE && ofPlain.legacyIpc(),
                ofPlain.toString());
        DeviceRegion external = DeviceRegion.external(rank.device, plain + 4096);
        holds("memory of others is registered as a whole", external.address() == plain, external.toString());
        external.close();
        rank.device.plain().free(plain);
        try (PinnedMemory pinned = rank.device.pin(4096)) {
            AddressKind kind = rank.device.kindOf(pinned.deviceAddress());
            holds("pinned memory is the host's", kind.memory() == AddressKind.Memory.HOST, kind.toString());
            refused("pinned host memory", pinned.deviceAddress(), "pinned host memory");
        }
        refused("an address that nobody knows", 0x1000, "no memory of a device");
        CUdeviceptr pooled = new CUdeviceptr();
        CUstream stream = new CUstream();
        JCudaDriver.cuStreamCreate(stream, 1);
        foreign(numberIn(stream.toString()));
        JCudaDriver.cuMemAllocAsync(pooled, 1 << 20, stream);
        JCudaDriver.cuStreamSynchronize(stream);
        refused("cuMemAllocAsync memory", addressOf(pooled), "cudaMallocAsync pool");
        JCudaDriver.cuMemFreeAsync(pooled, stream);
        JCudaDriver.cuStreamSynchronize(stream);
        JCudaDriver.cuStreamDestroy(stream);
    }

    /** A wait for a stream that stands still ends at its limit, and not before; what is queued goes on. */
    private void standsStill() {
        try (PinnedMemory word = rank.device.pin(4096);
                DeviceStream stream = rank.device.stream();
                Reference reference = new Reference(rank.device)) {
            reference
                    .module()
                    .kernel("gate", new long[] {word.deviceAddress()}, new long[] {1}, new long[] {10_000_000_000L})
                    .launch(1, 1, stream);
            long begin = System.nanoTime();
            String said = "nothing";
            try {
                stream.synchronize(Duration.ofMillis(50));
            } catch (GpuException e) {
                said = e.code() + ": " + e.getMessage();
            }
            long millis = (System.nanoTime() - begin) / 1_000_000;
            word.bytes().putLong(0, 1);
            stream.synchronize(GpuRank.LIMIT);
            holds(
                    "a wait for a stream ends at its limit",
                    said.startsWith("TIMED_OUT") && millis >= 50 && millis < 1_000,
                    said + " after " + millis + " ms");
        }
    }

    /** Work that another library's stream is given is done in it. */
    private void foreign(long handle) {
        DeviceStream stream = rank.device.foreignStream(handle);
        long memory = rank.device.plain().allocate(4096);
        rank.device.fill(memory, (byte) 7, 4096, stream);
        stream.synchronize(GpuRank.LIMIT);
        stream.close();
        ByteBuffer seen = ByteBuffer.allocateDirect(1);
        rank.device.read(seen, memory + 4095);
        holds("a stream of another library takes work", seen.get(0) == 7 && stream.isIdle(), "");
        rank.device.plain().free(memory);
    }

    private static long addressOf(CUdeviceptr pointer) {
        return numberIn(pointer.toString());
    }

    private static long numberIn(String text) {
        int begin = text.indexOf("nativePointer=0x") + "nativePointer=0x".length();
        int end = begin;
        while (Character.digit(text.charAt(end), 16) >= 0) {
            end++;
        }
        return Long.parseLong(text.substring(begin, end), 16);
    }

    private void refused(String what, long address, String reason) {
        try {
            DeviceRegion.external(rank.device, address).close();
            holds(what + " is refused", false, "");
        } catch (GpuException e) {
            holds(what + " is refused", e.getMessage().contains(reason), e.getMessage());
        }
    }

    private void pools() {
        DevicePool small = new DevicePool(rank.device, new DevicePool.Limits(rank.kind, 8 << 20, 16 << 20));
        DeviceExtent first = small.allocate(6 << 20);
        DeviceExtent second = small.allocate(6 << 20);
        try {
            small.allocate(6 << 20).close();
            holds("a pool keeps its limit", false, "");
        } catch (GpuException e) {
            holds("a pool keeps its limit", e.code() == GpuException.Code.OUT_OF_MEMORY, e.getMessage());
        }
        first.close();
        second.close();
        holds(
                "a pool gets its memory back",
                small.figures().usedBytes() == 0,
                small.figures().toString());
        small.close();
        long total = rank.device.identity().totalBytes();
        try (DevicePool large = new DevicePool(rank.device, new DevicePool.Limits(rank.kind, total * 2, total * 2))) {
            large.allocate(1);
            holds("a full device is an error", false, "");
        } catch (GpuException e) {
            holds(
                    "a full device is an error with figures",
                    e.code() == GpuException.Code.OUT_OF_MEMORY
                            && e.getMessage().contains("free="),
                    e.getMessage());
        }
        rates();
    }

    private void rates() {
        long bytes = 256L << 20;
        long from = rank.device.plain().allocate(bytes);
        long to = rank.device.plain().allocate(bytes);
        try (PinnedMemory pinned = rank.device.pin(1 << 28);
                DeviceStream stream = rank.device.stream()) {
            rate("within the device", bytes, stream, () -> rank.device.copy(to, from, bytes, stream));
            rate("pinned host to device", bytes, stream, () -> rank.device.upload(to, pinned, 0, bytes, stream));
            rate("device to pinned host", bytes, stream, () -> rank.device.download(pinned, 0, from, bytes, stream));
        }
        rank.device.plain().free(from);
        rank.device.plain().free(to);
    }

    private void rate(String what, long bytes, DeviceStream stream, Runnable copy) {
        double best = 0;
        for (int i = 0; i < 4; i++) {
            stream.synchronize(GpuRank.LIMIT);
            long begin = System.nanoTime();
            copy.run();
            stream.synchronize(GpuRank.LIMIT);
            best = Math.max(best, bytes / (double) (System.nanoTime() - begin));
        }
        rank.say("facts: copy of 256 MiB %s: %.0f GB/s", what, best);
    }
}
