// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import io.sparkmooncake.shuffle.store.Encoding;
import io.sparkmooncake.shuffle.write.PartSink.Place;

/**
 * How a block is encoded, by the place where it begins.
 *
 * @param inMemory of blocks that begin in shareable memory
 * @param inFiles of blocks that begin in a file
 */
public record Encodings(Encoding inMemory, Encoding inFiles) {
    Encoding at(Place place) {
        return place == Place.MEMORY ? inMemory : inFiles;
    }
}
