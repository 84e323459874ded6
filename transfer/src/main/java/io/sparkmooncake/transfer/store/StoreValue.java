// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

/**
 * What a key holds.
 *
 * @param version of the store when the value was written; grows with every change of any key
 * @param bytes the value
 */
public record StoreValue(long version, Blob bytes) {}
