// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.sparkmooncake.collectives.link;

import org.jspecify.annotations.NullMarked;
