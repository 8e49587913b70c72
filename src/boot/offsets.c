/* SPDX-License-Identifier: MIT */
/* The constants of boot/start.asm alone: see lib/offsets.h. */
#include "lib/finish.h"
#include "lib/offsets.h"

#define BOOT_STACK_SIZE 16384

OFFSETS
{
    DEFINE(BOOT_STACK_SIZE, BOOT_STACK_SIZE);
    DEFINE(DEBUG_EXIT_PORT, DEBUG_EXIT_PORT);
    DEFINE(FINISH_REFUSED, FINISH_REFUSED);
}
