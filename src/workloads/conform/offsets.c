/* SPDX-License-Identifier: MIT */
/* The sandbox's constants: see lib/offsets.h. */
#include "lib/offsets.h"
#include "workloads/conform/sandbox.h"

OFFSETS
{
    DEFINE(SANDBOX_STUB_SIZE, SANDBOX_STUB_SIZE);
}
