// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import io.sparkmooncake.transfer.TransferException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What a client may ask of the host; each request knows how it changes the table. */
sealed interface StoreRequest {
    StoreReply applyTo(StoreTable table) throws TransferException;

    /** Returns the request in words, for error messages. */
    default String describe() {
        return toString();
    }

    record Put(String key, Blob value) implements StoreRequest {
        @Override
        public StoreReply applyTo(StoreTable table) throws TransferException {
            return new StoreReply.Count(table.put(key, value));
        }
    }

    record Claim(String key, Blob value, Owner owner) implements StoreRequest {
        @Override
        public StoreReply applyTo(StoreTable table) throws TransferException {
            return new StoreReply.Count(table.claim(key, value, owner));
        }
    }

    record Get(String key) implements StoreRequest {
        @Override
        public StoreReply applyTo(StoreTable table) {
            return new StoreReply.Found(table.get(key));
        }
    }

    record Add(String key, long delta) implements StoreRequest {
        @Override
        public StoreReply applyTo(StoreTable table) throws TransferException {
            return new StoreReply.Count(table.add(key, delta));
        }
    }

    record CompareAndSet(String key, Optional<Blob> expected, Blob value) implements StoreRequest {
        @Override
        public StoreReply applyTo(StoreTable table) throws TransferException {
            return new StoreReply.Swapped(table.compareAndSet(key, expected, value));
        }
    }

    record Delete(String key) implements StoreRequest {
        @Override
        public StoreReply applyTo(StoreTable table) {
            return new StoreReply.Count(table.delete(key));
        }
    }

    record DeletePrefix(String prefix) implements StoreRequest {
        @Override
        public StoreReply applyTo(StoreTable table) {
            return new StoreReply.Count(table.deletePrefix(prefix));
        }
    }

    record Leave(String name, long epoch, String reason) implements StoreRequest {
        @Override
        public StoreReply applyTo(StoreTable table) {
            return new StoreReply.Count(table.ownerGone(name, epoch, reason));
        }
    }

    record Poll(List<Look.Query> queries) implements StoreRequest {
        /** Bytes of changes in one reply, over all its queries. */
        static final long REPLY_BYTES = 1L << 20;

        public Poll {
            queries = List.copyOf(queries);
        }

        @Override
        public StoreReply applyTo(StoreTable table) {
            List<Look.Answer> answers = new ArrayList<>(queries.size());
            for (Look.Query query : queries) {
                answers.add(table.look(query, REPLY_BYTES / Math.max(1, queries.size())));
            }
            return new StoreReply.Looked(answers);
        }

        @Override
        public String describe() {
            return "look-up of " + queries.size() + " keys and prefixes";
        }
    }
}
