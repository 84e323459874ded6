// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.sparkmooncake.transfer.tcp;

import org.jspecify.annotations.NullMarked;
