// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.hosts;

/**
 * What a host has.
 *
 * @param shmBytes size of its {@code /dev/shm}
 * @param diskBytes size of the file system of {@link Host#disk()}; 0 for a folder of the machine's file system
 * @param memoryBytes limit of its cgroup; 0 for none
 * @param openFiles limit of open files of a process; 0 for the machine's
 * @param rateBits bits per second of its link in either direction; 0 for no limit
 * @param user user of its processes
 */
public record HostSpec(long shmBytes, long diskBytes, long memoryBytes, int openFiles, long rateBits, User user) {

    /** The user that runs the processes of a host. */
    public enum User {
        /** The superuser. */
        ROOT,
        /** The user without rights. */
        NOBODY
    }

    /** Checks that nothing is negative. */
    public HostSpec {
        if (shmBytes <= 0 || diskBytes < 0 || memoryBytes < 0 || openFiles < 0 || rateBits < 0) {
            throw new IllegalArgumentException("shmBytes=" + shmBytes + " must be positive; diskBytes=" + diskBytes
                    + " memoryBytes=" + memoryBytes + " openFiles=" + openFiles + " rateBits=" + rateBits
                    + " must not be negative");
        }
    }

    /** Returns a host of root's with 1 GiB of {@code /dev/shm} and no limits. */
    public static HostSpec unlimited() {
        return new HostSpec(1L << 30, 0, 0, 0, 0, User.ROOT);
    }

    /** Returns this with another size of {@code /dev/shm}. */
    public HostSpec withShm(long bytes) {
        return new HostSpec(bytes, diskBytes, memoryBytes, openFiles, rateBits, user);
    }

    /** Returns this with a disk of its own. */
    public HostSpec withDisk(long bytes) {
        return new HostSpec(shmBytes, bytes, memoryBytes, openFiles, rateBits, user);
    }

    /** Returns this with a limit of memory, {@code /dev/shm} and the disk included. */
    public HostSpec withMemory(long bytes) {
        return new HostSpec(shmBytes, diskBytes, bytes, openFiles, rateBits, user);
    }

    /** Returns this with a limit of open files. */
    public HostSpec withOpenFiles(int files) {
        return new HostSpec(shmBytes, diskBytes, memoryBytes, files, rateBits, user);
    }

    /** Returns this with a limit of its link. */
    public HostSpec withRate(long bitsPerSecond) {
        return new HostSpec(shmBytes, diskBytes, memoryBytes, openFiles, bitsPerSecond, user);
    }

    /** Returns this with another user. */
    public HostSpec withUser(User of) {
        return new HostSpec(shmBytes, diskBytes, memoryBytes, openFiles, rateBits, of);
    }
}
