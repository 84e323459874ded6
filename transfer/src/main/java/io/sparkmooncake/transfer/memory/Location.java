// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

/**
 * Where memory is, in Mooncake's words: {@code *} (host, no affinity; all control memory), {@code cpu:N} (host NUMA node),
 * {@code cuda:N} (device). It describes the memory, never the rank that uses it.
 *
 * @param kind host or device
 * @param index NUMA node or device ordinal; −1 for {@code *}
 */
public record Location(Kind kind, int index) {
    /** Kinds of memory. */
    public enum Kind {
        /** Addressable by the CPU. */
        HOST,
        /** A CUDA device's memory. */
        CUDA
    }

    /** Host memory without affinity. */
    public static final Location ANY = new Location(Kind.HOST, -1);

    /** Parses {@code *}, {@code cpu:N} or {@code cuda:N}. */
    public static Location parse(String text) {
        if (text.equals("*")) {
            return ANY;
        }
        int colon = text.indexOf(':');
        if (colon > 0 && text.substring(colon + 1).matches("\\d{1,5}")) {
            int index = Integer.parseInt(text.substring(colon + 1));
            String kind = text.substring(0, colon);
            if (kind.equals("cpu")) {
                return new Location(Kind.HOST, index);
            }
            if (kind.equals("cuda")) {
                return new Location(Kind.CUDA, index);
            }
        }
        throw new IllegalArgumentException("location=" + text + " is none of *, cpu:N, cuda:N");
    }

    @Override
    public String toString() {
        return index < 0 ? "*" : (kind == Kind.HOST ? "cpu:" : "cuda:") + index;
    }
}
