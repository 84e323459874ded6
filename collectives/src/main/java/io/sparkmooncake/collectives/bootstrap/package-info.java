// SPDX-License-Identifier: Apache-2.0
/**
 * How ranks find each other: each claims its record in the store, all wait for all records, map each other's segments and meet in
 * a first step. Entry type is {@link io.sparkmooncake.collectives.bootstrap.Rendezvous}.
 */
@NullMarked
package io.sparkmooncake.collectives.bootstrap;

import org.jspecify.annotations.NullMarked;
