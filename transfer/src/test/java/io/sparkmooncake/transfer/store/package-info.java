// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.sparkmooncake.transfer.store;

import org.jspecify.annotations.NullMarked;
