/* What a program has written, looked at now and then: quotas of the kernel are the site's to have
 * (execdm-isolation(7)). */
#ifndef DRIVER_DISK_H
#define DRIVER_DISK_H

#include <sys/types.h>
#include "text/base.h"
#include "text/json.h"

struct disk {
    const json_t *mounts;   /* of the line: those with a size are not to hold more */
    int64_t most;           /* bytes in all that can be written, 0: no limit */
    int64_t next;           /* when to look again, by clock_boot */
    struct disk_look *look; /* under way, NULL: none is */
};

/* Does it hold more than it may? False too when it is not yet time to look, or when the look goes
 * on at the next call: none takes long. `child` is a process that sees the mounts and /proc. */
bool disk_full(struct disk *d, pid_t child);
void disk_fini(struct disk *d);

#endif
