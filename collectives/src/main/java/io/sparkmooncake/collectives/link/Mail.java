// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Elements from one rank to another, by tag. What comes with a tag that nobody awaits yet is kept in the heap. Threading: the rank's
 * own.
 */
final class Mail {
    private final Links links;
    private final Map<Integer, ArrayDeque<Kept>> kept = new HashMap<>();

    private record Kept(int tag, Elements elements) {}

    Mail(Links links) {
        this.links = links;
    }

    void send(Elements source, int to, int tag) throws CollectiveException {
        String text = text("SEND", source) + " tag=" + tag;
        links.beginMail(source.type(), source.count(), text + " to rank " + to);
        int chunk = links.slotBytes() / source.type().sizeBytes();
        long at = 0;
        do {
            int count = (int) Math.min(chunk, source.count() - at);
            links.post(to, source, at, count, tag);
            at += count;
        } while (at < source.count());
    }

    void receive(Elements target, int from, int tag) throws CollectiveException {
        links.beginMail(target.type(), target.count(), text("RECEIVE", target) + " tag=" + tag + " from rank " + from);
        Elements early = take(from, tag);
        if (early != null) {
            if (early.type() != target.type() || early.count() != target.count()) {
                throw links.differs(from, text("SEND", early) + " tag=" + tag);
            }
            early.copyTo(0, target, 0, target.count());
            return;
        }
        while (true) {
            Inbox inbox = links.fetch(from);
            DataType type = inbox.mailType();
            if (inbox.tag() == tag) {
                if (type != target.type() || inbox.mailCount() != target.count()) {
                    throw links.differs(from, "SEND " + type.label() + "[" + inbox.mailCount() + "] tag=" + tag);
                }
                land(target, from);
                return;
            }
            Elements elements = Elements.allocate(type, Math.toIntExact(inbox.mailCount()));
            kept.computeIfAbsent(from, rank -> new ArrayDeque<>()).add(new Kept(inbox.tag(), elements));
            land(elements, from);
        }
    }

    private static String text(String operation, Elements elements) {
        return operation + " " + elements.type().label() + "[" + elements.count() + "]";
    }

    private void land(Elements target, int from) throws CollectiveException {
        long at = 0;
        do {
            Inbox inbox = links.fetch(from);
            int count = inbox.payloadBytes() / target.type().sizeBytes();
            inbox.payload(target.type()).copyTo(0, target, at, count);
            links.fetched(from);
            at += count;
        } while (at < target.count());
    }

    private @Nullable Elements take(int from, int tag) {
        ArrayDeque<Kept> all = kept.get(from);
        if (all != null) {
            for (Iterator<Kept> each = all.iterator(); each.hasNext(); ) {
                Kept piece = each.next();
                if (piece.tag == tag) {
                    each.remove();
                    return piece.elements;
                }
            }
        }
        return null;
    }
}
