// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import java.security.GeneralSecurityException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Opens sealed records; the first that does not open ends the connection. Threading: the connection's event loop. */
final class RecordDecoder extends ByteToMessageDecoder {
    private final SessionCipher cipher;
    private boolean broken;

    RecordDecoder(SessionCipher cipher) {
        this.cipher = cipher;
    }

    @Override
    protected void decode(ChannelHandlerContext context, ByteBuf in, List<Object> out) throws TransferException {
        if (broken) {
            in.skipBytes(in.readableBytes());
            return;
        }
        if (in.readableBytes() < SessionCipher.LENGTH_BYTES) {
            return;
        }
        int sealedBytes = in.getInt(in.readerIndex());
        if (sealedBytes < SessionCipher.TAG_BYTES
                || sealedBytes > SessionCipher.MAX_PLAIN_BYTES + SessionCipher.TAG_BYTES) {
            broken = true;
            throw untrusted(context, "bytes=" + sealedBytes + " is no length of a record", null);
        }
        if (in.readableBytes() < SessionCipher.LENGTH_BYTES + sealedBytes) {
            return;
        }
        in.skipBytes(SessionCipher.LENGTH_BYTES);
        ByteBuf plain = context.alloc().directBuffer(sealedBytes - SessionCipher.TAG_BYTES);
        try {
            cipher.open(in, sealedBytes, plain);
        } catch (GeneralSecurityException e) {
            broken = true;
            plain.release();
            throw untrusted(context, "its tag does not match", e);
        }
        out.add(plain);
    }

    private TransferException untrusted(ChannelHandlerContext context, String what, @Nullable Exception cause) {
        return new TransferException(
                Code.PROTOCOL,
                "encrypted record number=" + cipher.records() + " from "
                        + context.channel().remoteAddress() + " was changed on the way (" + what
                        + "): the connection is closed",
                cause);
    }
}
