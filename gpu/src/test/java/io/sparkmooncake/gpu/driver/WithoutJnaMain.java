// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Enters virtual memory as a device does, and prints what comes of it. */
public final class WithoutJnaMain {
    private WithoutJnaMain() {}

    public static void main(String[] args) {
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        try {
            out.println("descriptors: "
                    + ProcessDescriptors.refusal(ProcessHandle.current().pid()));
            VirtualMemory.open();
            out.println("opened");
        } catch (GpuException e) {
            out.println(e.code() + ": " + e.getMessage());
        }
    }
}
