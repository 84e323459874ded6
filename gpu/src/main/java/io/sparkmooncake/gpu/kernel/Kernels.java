// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.kernel;

import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.driver.GpuException.Code;
import io.sparkmooncake.gpu.driver.KernelModule;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;

/** The images of {@code gpu/build-kernels}: machine code for the devices that have it, PTX for others. Threading: stateless. */
public final class Kernels {
    private static final String PTX = "collectives.ptx.gz";
    private static final String MACHINE_CODE = "collectives.sm_90.cubin.gz";
    private static final int MACHINE_CODE_OF = 90;
    private static final int LEAST_CAPABILITY = 80;
    private static final Pattern ENTRY = Pattern.compile("\\.entry\\s+(\\w+)\\s*\\(");

    private Kernels() {}

    /** Returns the names of all kernels of a PTX text. */
    public static List<String> names(String ptx) {
        return ENTRY.matcher(ptx)
                .results()
                .map((MatchResult found) -> found.group(1))
                .toList();
    }

    /** Returns the names of all kernels that the jar carries. */
    public static List<String> names() {
        return names(ptx());
    }

    /** Returns the PTX text that the jar carries. */
    public static String ptx() {
        return new String(image(PTX), StandardCharsets.US_ASCII);
    }

    /**
     * Loads every kernel on a device; returns when all are there. Machine code takes milliseconds, PTX seconds the first time.
     *
     * @return the caller's, who closes it
     * @throws GpuException REFUSED, naming the kernels that cannot be loaded, or the capability that is missing
     */
    public static KernelModule load(Device device) {
        int capability = device.identity().computeCapability();
        if (capability < LEAST_CAPABILITY) {
            throw new GpuException(
                    Code.REFUSED,
                    device + " has compute capability " + capability + ", the kernels need " + LEAST_CAPABILITY);
        }
        List<String> names = names();
        if (capability == MACHINE_CODE_OF) {
            return device.load(image(MACHINE_CODE), names);
        }
        return device.load(terminated(image(PTX)), names);
    }

    /** Loads other kernels, of a PTX text. */
    public static KernelModule load(Device device, String ptx) {
        return device.load(terminated(ptx.getBytes(StandardCharsets.US_ASCII)), names(ptx));
    }

    /** The driver takes text up to its first zero. */
    private static byte[] terminated(byte[] text) {
        return java.util.Arrays.copyOf(text, text.length + 1);
    }

    private static byte[] image(String name) {
        try (InputStream packed = Kernels.class.getResourceAsStream(name)) {
            if (packed == null) {
                throw new GpuException(Code.REFUSED, "the jar has no " + name + ": run gpu/build-kernels and build it");
            }
            try (GZIPInputStream image = new GZIPInputStream(packed)) {
                return image.readAllBytes();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(name + " cannot be read", e);
        }
    }
}
