// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import com.sun.jna.Function;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;

/**
 * Takes descriptors of other processes of this host, by pidfd_getfd (Linux 5.6), so that the owner's threads need not take part. The
 * kernel allows it to who may trace the owner: the same user, and with {@code kernel.yama.ptrace_scope=1} only its ancestors or who
 * has CAP_SYS_PTRACE. Threading: safe from any thread.
 */
public final class ProcessDescriptors {
    private static final long PIDFD_OPEN = 434;
    private static final long PIDFD_GETFD = 438;
    private static final int CLOSED = 9;

    private ProcessDescriptors() {}

    /**
     * Duplicates a descriptor of another process.
     *
     * @return the caller's, who closes it with {@link #close}
     * @throws GpuException REFUSED with the kernel's error number and what usually causes it
     */
    public static int take(long pid, int descriptor) {
        long taken = duplicate(pid, descriptor);
        if (taken < 0) {
            throw refused("pidfd_getfd of descriptor=" + descriptor + " of pid=" + pid, (int) -taken);
        }
        return (int) taken;
    }

    /** Says why this process cannot take descriptors of another one; empty where it can. */
    public static String refusal(long pid) {
        try {
            long taken = duplicate(pid, 0);
            if (taken >= 0) {
                close((int) taken);
            } else if (taken != -CLOSED) {
                return refused("pidfd_getfd of pid=" + pid, (int) -taken).getMessage();
            }
            // The kernel looks for the right before it looks for the descriptor.
            return "";
        } catch (GpuException e) {
            return e.getMessage();
        }
    }

    /** Returns a descriptor, or the kernel's error number below zero. */
    private static long duplicate(long pid, int descriptor) {
        try {
            Function syscall = NativeLibrary.getInstance("c").getFunction("syscall");
            long process = syscall.invokeLong(new Object[] {PIDFD_OPEN, pid, 0L});
            if (process < 0) {
                throw refused("pidfd_open of pid=" + pid, Native.getLastError());
            }
            long taken = syscall.invokeLong(new Object[] {PIDFD_GETFD, process, (long) descriptor, 0L});
            int error = Native.getLastError();
            close((int) process);
            return taken < 0 ? -error : taken;
        } catch (LinkageError e) {
            throw new GpuException(GpuException.Code.UNAVAILABLE, "descriptors need JNA on the class path: " + e, e);
        }
    }

    /** Closes a descriptor of this process. */
    public static void close(int descriptor) {
        NativeLibrary.getInstance("c").getFunction("close").invokeInt(new Object[] {descriptor});
    }

    private static GpuException refused(String what, int error) {
        String usual = switch (error) {
            case 1 ->
                ": this process may not trace the owner; kernel.yama.ptrace_scope or a container's seccomp"
                        + " profile forbids it. Use plain memory";
            case 3 -> ": the process ended, or runs in another PID name space";
            case CLOSED -> ": the owner closed it";
            case 38 -> ": the kernel is older than 5.6. Use plain memory";
            default -> "";
        };
        return new GpuException(GpuException.Code.REFUSED, what + " failed with errno=" + error + usual);
    }
}
