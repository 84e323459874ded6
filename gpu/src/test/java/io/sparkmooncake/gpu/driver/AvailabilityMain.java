// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Asks whether there are devices. */
public final class AvailabilityMain {
    private AvailabilityMain() {}

    public static void main(String[] args) {
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        out.println("cause: " + Cuda.unavailabilityCause());
    }
}
