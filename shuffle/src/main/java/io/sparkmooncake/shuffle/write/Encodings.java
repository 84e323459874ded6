// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import io.sparkmooncake.shuffle.store.MapOutput.Encoding;
import io.sparkmooncake.shuffle.write.PartSink.Place;

/**
 * How the blocks of a map output are encoded. An output has one encoding: that of the place of its first part.
 *
 * @param inMemory of an output that begins in shareable memory
 * @param inFiles of an output that begins in a file
 */
public record Encodings(Encoding inMemory, Encoding inFiles) {
    Encoding at(Place place) {
        return place == Place.MEMORY ? inMemory : inFiles;
    }
}
