#include "disk.h"
#include <ftw.h>
#include "host/clock.h"

#define LOOK_MS 1000 /* and never more than a twentieth of the time goes into looking */
#define FILES_OPEN 16

static int64_t sum; /* nftw hands nothing through */

/* A file with several names is seen under each. */
static int add(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)path;
    (void)at;
    if (kind != FTW_NS)
        sum += (int64_t)st->st_blocks * 512 / (S_ISDIR(st->st_mode) ? 1 : (int64_t)st->st_nlink);
    return 0;
}

static int64_t used(const char *path)
{
    sum = 0;
    nftw(path, add, FILES_OPEN, FTW_PHYS | FTW_MOUNT);
    return sum;
}

bool disk_full(struct disk *d)
{
    const int64_t begin = clock_boot();
    int64_t all = 0;
    bool full = false;
    size_t i;
    json_t *v;
    if (begin < d->next)
        return false;
    json_array_foreach (d->mounts, i, v) {
        const int64_t size = json_int(v, "size", 0);
        if (!str_same(json_text(v, "mode"), "rw") || (!size && !d->most))
            continue;
        const int64_t now = used(json_text(v, "source"));
        all += now;
        full |= size && now > size;
    }
    const int64_t end = clock_boot(), pause = 20 * (end - begin);
    d->next = end + (pause > LOOK_MS ? pause : LOOK_MS);
    return full || (d->most && all > d->most);
}
