// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.sparkmooncake.integration.bench;

import org.jspecify.annotations.NullMarked;
