// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A region of any size that takes memory only where it is written: a file with holes. Nobody else reaches it. */
public final class SparseRegion implements HostRegion, AutoCloseable {
    private final FileChannel file;
    private final long sizeBytes;

    public SparseRegion(Path path, long sizeBytes) throws IOException {
        this.file = FileChannel.open(
                path,
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                StandardOpenOption.SPARSE,
                StandardOpenOption.DELETE_ON_CLOSE);
        this.sizeBytes = sizeBytes;
        file.write(ByteBuffer.allocate(1), sizeBytes - 1);
    }

    @Override
    public ByteBuffer slice(long offset, int length) {
        try {
            return file.map(FileChannel.MapMode.READ_WRITE, offset, length).order(ByteOrder.nativeOrder());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public long address(long offset) {
        throw new UnsupportedOperationException("address");
    }

    @Override
    public long id() {
        return 1;
    }

    @Override
    public RegionDescriptor descriptor() {
        throw new UnsupportedOperationException("descriptor");
    }

    @Override
    public Location location() {
        throw new UnsupportedOperationException("location");
    }

    @Override
    public void retain() {}

    @Override
    public boolean tryRetain() {
        return true;
    }

    @Override
    public void release() {}

    @Override
    public void close() throws IOException {
        file.close();
    }
}
