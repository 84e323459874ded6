// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.sparkmooncake.integration.hosts;

import org.jspecify.annotations.NullMarked;
