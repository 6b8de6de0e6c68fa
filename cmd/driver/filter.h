/* Which system calls a program has. What only serves to look after a machine, to leave a sandbox,
 * or to find a fault in the kernel is refused with EPERM, much as the default profile of docker and
 * podman does it (execdm-isolation(7) has where it differs). */
#ifndef DRIVER_FILTER_H
#define DRIVER_FILTER_H

#include "text/err.h"

/* A descriptor from which bubblewrap reads the filter; it survives an exec. -1. */
int filter_open(struct err *err);

#endif
