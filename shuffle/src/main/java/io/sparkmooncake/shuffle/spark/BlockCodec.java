// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.spark;

import io.sparkmooncake.shuffle.store.Encoding;
import java.io.InputStream;
import java.io.OutputStream;
import org.apache.spark.SparkConf;
import org.apache.spark.io.CompressionCodec;
import org.apache.spark.io.CompressionCodec$;
import org.apache.spark.serializer.SerializerManager;

/**
 * What lies between serialized records and the bytes of a block: Spark's compression codec where the map output is
 * compressed, and Spark's I/O encryption where the application has it on.
 *
 * <p>Threading: safe from any thread.
 */
public final class BlockCodec {
    private final SerializerManager serializerManager;
    private final CompressionCodec compression;
    private final boolean concatenable;

    /** Creates the codec of an application. */
    public BlockCodec(SparkConf conf, SerializerManager serializerManager) {
        this.serializerManager = serializerManager;
        this.compression = CompressionCodec$.MODULE$.createCodec(conf);
        this.concatenable = CompressionCodec$.MODULE$.supportsConcatenationOfSerializedStreams(compression);
    }

    /** Tells whether blocks are the serialized bytes themselves. */
    public boolean isIdentity(Encoding encoding) {
        return encoding == Encoding.PLAIN && !serializerManager.encryptionEnabled();
    }

    /** Tells whether the bytes of several blocks, one after another, decode as one stream. */
    public boolean isConcatenable(Encoding encoding) {
        return !serializerManager.encryptionEnabled() && (encoding == Encoding.PLAIN || concatenable);
    }

    /** Wraps the stream that one block's bytes go to; closing the result completes the block. */
    public OutputStream encode(OutputStream block, Encoding encoding) {
        OutputStream encrypted = serializerManager.wrapForEncryption(block);
        return encoding == Encoding.COMPRESSED ? compression.compressedOutputStream(encrypted) : encrypted;
    }

    /** Wraps a stream of block bytes. */
    public InputStream decode(InputStream block, Encoding encoding) {
        InputStream decrypted = serializerManager.wrapForEncryption(block);
        return encoding == Encoding.COMPRESSED ? compression.compressedInputStream(decrypted) : decrypted;
    }
}
