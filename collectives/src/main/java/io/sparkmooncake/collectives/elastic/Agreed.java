// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.elastic;

/**
 * A result that is an object.
 *
 * @param value the result
 * @param active who took part
 * @param <T> its type
 */
public record Agreed<T>(T value, ActiveRanks active) {}
