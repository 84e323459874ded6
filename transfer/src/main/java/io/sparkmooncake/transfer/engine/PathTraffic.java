// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

/**
 * What went over one path since the engine started, over all peers. Bytes read in place through a mapping are not counted:
 * nobody sees them pass.
 *
 * @param path name of the transport
 * @param bytesRead bytes of completed READ requests
 * @param bytesWritten bytes of completed WRITE requests
 * @param batches batches that ended, failed ones included
 * @param regionsMapped regions of peers that were mapped
 * @param refused requests that this end refused
 */
public record PathTraffic(
        String path, long bytesRead, long bytesWritten, long batches, long regionsMapped, long refused) {}
