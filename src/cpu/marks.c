/* SPDX-License-Identifier: MIT */
/* The marks: see marks.h. */
#include "cpu/marks.h"

struct marks marks;
