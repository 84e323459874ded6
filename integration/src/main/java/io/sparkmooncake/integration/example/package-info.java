// SPDX-License-Identifier: Apache-2.0
/**
 * Loops of machine learning written by hand, as users write them: data and model stay where they are, and each iteration ends in an
 * all-reduce. Every class stands for itself; {@code bin/demo ml}, {@code bin/bench ml} and tests run them.
 */
@NullMarked
package io.sparkmooncake.integration.example;

import org.jspecify.annotations.NullMarked;
