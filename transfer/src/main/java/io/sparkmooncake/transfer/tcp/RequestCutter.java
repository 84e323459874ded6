// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Makes request frames of batches, and numbers them. Threading: the connection's event loop. */
final class RequestCutter {
    private long nextId = 1;

    /** Completes entries without bytes, fails those that tcp does not reach, and returns requests for the others. */
    List<Request> cut(LinkBatch started, Wire wire) {
        TransferBatch batch = started.batch();
        List<Request> requests = new ArrayList<>(1);
        int capacity = Math.min(batch.count(), EntryColumns.MAX_ENTRIES);
        EntryColumns columns = new EntryColumns(capacity);
        int[] indexes = new int[capacity];
        for (int i = 0; i < batch.count(); i++) {
            if (batch.length(i) == 0) {
                batch.complete(i);
            } else if (!(batch.local(i) instanceof HostRegion local && local.isAddressable())
                    || batch.remote(i).location().kind() != Location.Kind.HOST) {
                batch.fail(i, 0, unreachable(batch, i, wire));
            } else {
                if (columns.entries() == EntryColumns.MAX_ENTRIES) {
                    requests.add(new Request(nextId++, started, columns, indexes));
                    columns = new EntryColumns(capacity);
                    indexes = new int[capacity];
                }
                indexes[columns.entries()] = i;
                columns.add(batch.remote(i), batch.remoteOffset(i), batch.length(i));
            }
        }
        if (columns.entries() > 0) {
            requests.add(new Request(nextId++, started, columns, Arrays.copyOf(indexes, columns.entries())));
        }
        return requests;
    }

    private static TransferException unreachable(TransferBatch batch, int index, Wire wire) {
        return new TransferException(
                Code.UNREACHABLE,
                "tcp moves host memory, and reads files, only: request=" + index + " local location="
                        + batch.local(index).location() + " remote location="
                        + batch.remote(index).location() + " at peer " + wire.peer());
    }
}
