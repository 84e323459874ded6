// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import java.security.GeneralSecurityException;

/** Cuts what is written into sealed records. Threading: the connection's event loop. */
final class RecordEncoder extends ChannelOutboundHandlerAdapter {
    private final SessionCipher cipher;

    RecordEncoder(SessionCipher cipher) {
        this.cipher = cipher;
    }

    @Override
    public void write(ChannelHandlerContext context, Object message, ChannelPromise promise)
            throws GeneralSecurityException {
        ByteBuf plain = (ByteBuf) message;
        try {
            do {
                int bytes = Math.min(plain.readableBytes(), SessionCipher.MAX_PLAIN_BYTES);
                ByteBuf record = seal(context, plain, bytes);
                var unused = context.write(record, plain.isReadable() ? context.newPromise() : promise);
            } while (plain.isReadable());
        } finally {
            plain.release();
        }
    }

    private ByteBuf seal(ChannelHandlerContext context, ByteBuf plain, int bytes) throws GeneralSecurityException {
        ByteBuf record = context.alloc().directBuffer(SessionCipher.LENGTH_BYTES + bytes + SessionCipher.TAG_BYTES);
        try {
            cipher.seal(plain, bytes, record);
            return record;
        } catch (GeneralSecurityException | RuntimeException e) {
            record.release();
            throw e;
        }
    }
}
