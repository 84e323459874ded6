// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;

/**
 * A result that two runs can be compared by, whatever the order of its rows.
 *
 * @param rows rows in the result
 * @param hash sum or exclusive or of the hashes of all rows
 * @param total sum of one column of small integers, to be looked at by people; 0 where there is none
 */
@DefaultSerializer(JavaSerializer.class)
public record Digest(long rows, long hash, long total) implements Serializable {

    /** The digest of the rows of both; only for hashes that are sums. */
    Digest plus(Digest other) {
        return new Digest(rows + other.rows, hash + other.hash, total + other.total);
    }
}
