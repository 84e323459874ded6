#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Init script: puts the jar on the class path of driver and executors.
set -euo pipefail
cp /Workspace/Shared/spark-mooncake/spark-mooncake_2.13.jar /databricks/jars/
