// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a process publishes about itself so that others can reach it. Versioned; encoded as
 * {@code u16 version | utf name | i64 epoch | utf host | i32 port | u16 n | n × (utf key, utf value)}.
 *
 * @param name unique among live processes of the application; an executor id
 * @param epoch random at each start of the process: tells one life of a name from the next
 * @param host address that peers dial
 * @param port listener that answered before this record was made
 * @param attributes what each transport wants its counterpart to know, keys prefixed by the transport's name
 */
public record PeerRecord(String name, long epoch, String host, int port, Map<String, String> attributes) {
    private static final int VERSION = 1;

    /** Copies the attributes. */
    public PeerRecord {
        attributes = Map.copyOf(attributes);
        if (name.isEmpty() || host.isEmpty() || port <= 0 || port > 65_535) {
            throw new IllegalArgumentException("name=" + name + " host=" + host + " port=" + port + " is no peer");
        }
    }

    /** Returns {@code name (host:port)}, as error messages name a peer. */
    public String describe() {
        return name + " (" + host + ":" + port + ")";
    }

    /** Encodes for the store. */
    public byte[] encode() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeShort(VERSION);
            out.writeUTF(name);
            out.writeLong(epoch);
            out.writeUTF(host);
            out.writeInt(port);
            out.writeShort(attributes.size());
            for (Map.Entry<String, String> entry : new TreeMap<>(attributes).entrySet()) {
                out.writeUTF(entry.getKey());
                out.writeUTF(entry.getValue());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    /** Decodes what {@link #encode} made; refuses other versions by number. */
    public static PeerRecord decode(byte[] bytes) throws TransferException {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            int version = in.readUnsignedShort();
            if (version != VERSION) {
                throw new TransferException(
                        TransferException.Code.PROTOCOL,
                        "peer record version=" + version + ", this build reads version=" + VERSION
                                + ": run the same spark-mooncake jar on every executor");
            }
            String name = in.readUTF();
            long epoch = in.readLong();
            String host = in.readUTF();
            int port = in.readInt();
            Map<String, String> attributes = new TreeMap<>();
            int entries = in.readUnsignedShort();
            for (int i = 0; i < entries; i++) {
                attributes.put(in.readUTF(), in.readUTF());
            }
            return new PeerRecord(name, epoch, host, port, attributes);
        } catch (TransferException e) {
            throw e;
        } catch (IOException | IllegalArgumentException e) {
            throw new TransferException(
                    TransferException.Code.PROTOCOL, "unreadable peer record of " + bytes.length + " bytes", e);
        }
    }
}
