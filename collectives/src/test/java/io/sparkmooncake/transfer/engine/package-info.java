// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.sparkmooncake.transfer.engine;

import org.jspecify.annotations.NullMarked;
