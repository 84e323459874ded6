// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.kernel;

/**
 * How a call is carried out. All ranks of a call take the same one.
 *
 * @param method by what
 * @param variant which way of the kernel, where it has several
 * @param grid blocks of the launch
 * @param block threads of a block
 * @param chunk vectors of 16 bytes that a block gives to one rank at a time, where it does so in turns
 */
public record Way(Method method, int variant, int grid, int block, int chunk) {
    /** Most blocks of one launch: each has a row in the control region. */
    public static final int MAX_GRID = 512;

    /** By what. */
    public enum Method {
        /** Each 8 bytes travel with their ticket, one way over the link. */
        LINES(1),
        /** Peers' memory is read, or written, in place. */
        DIRECT(2),
        /** Only written, in chunks, to who reduces them. */
        STAGED(3),
        /** Copy engines, between two barriers. */
        ENGINES(4);

        private final int number;

        Method(int number) {
            this.number = number;
        }

        /** Returns the number by which ranks compare what they call. */
        public int number() {
            return number;
        }
    }

    /** Checks the shape. */
    public Way {
        if (grid < 1 || grid > MAX_GRID || block < 32 || block > 512 || variant < 0 || chunk < 0) {
            throw new IllegalArgumentException(
                    "grid=" + grid + " block=" + block + " variant=" + variant + " chunk=" + chunk);
        }
    }

    /** Returns the same for so many ranks on one device, whose blocks must fit beside each other. */
    public Way shared(int ranks) {
        return ranks <= 1 ? this : new Way(method, variant, Math.max(1, grid / ranks), block, chunk);
    }

    /** Returns {@code lines, 8x256}. */
    public String describe() {
        return method.name().toLowerCase(java.util.Locale.ROOT) + ", " + grid + "x" + block;
    }
}
