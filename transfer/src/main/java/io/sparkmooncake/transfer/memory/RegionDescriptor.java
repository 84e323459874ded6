// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;

/**
 * What a peer needs to reach a region.
 *
 * @param id region id in its owner's process
 * @param key random; the owner refuses a request without it
 * @param sizeBytes size of the region
 * @param location where the memory is
 * @param path file that a same-host peer can map, for example {@code /proc/4711/fd/42}; of device memory, how devices of peers map it;
 *     empty when there is none
 */
public record RegionDescriptor(long id, long key, long sizeBytes, Location location, String path) {
    /** Writes {@code i64 id | i64 key | i64 size | utf location | utf path}. */
    public void writeTo(DataOutput out) throws IOException {
        out.writeLong(id);
        out.writeLong(key);
        out.writeLong(sizeBytes);
        out.writeUTF(location.toString());
        out.writeUTF(path);
    }

    /** Reads what {@link #writeTo} wrote. */
    public static RegionDescriptor readFrom(DataInput in) throws IOException {
        return new RegionDescriptor(
                in.readLong(), in.readLong(), in.readLong(), Location.parse(in.readUTF()), in.readUTF());
    }
}
