#include <dirent.h>
#include <fcntl.h>
#include "host/image.h"
#include "host/path.h"
#include "job/destroy.h"
#include "job/lease.h"
#include "job/sweep.h"

#define PERIOD_MS 86400000
#define IMAGE_UNUSED_S (7 * 86400)

/* Is it time? Then it is noted at once: the next one has nothing to do. A time that is still to
 * come was written by another clock. */
static bool take_turn(const struct store *store, int64_t now)
{
    char text[32] = "";
    struct err ignored;
    own(str_fini) char *path = str_print("%s/swept", store->dir);
    own(fd_fini) int fd = open(path, O_RDONLY | O_CLOEXEC);
    const int64_t last =
        fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 ? strtoll(text, NULL, 10) : 0;
    if (last <= now && now - last < PERIOD_MS)
        return false;
    own(str_fini) char *said = str_print("%lld\n", (long long)now);
    return path_write(path, said, strlen(said), 0600, &ignored) == 0;
}

/* A worker that looked after a job when it was deleted may have made its directory again. */
static void sweep_directory(struct store *store, const char *id)
{
    struct err err = {0};
    own(job_fini) struct job j = {0};
    if (store_job_get(store, id, &j, &err) == 0 ? j.phase != PHASE_ARCHIVED
                                                : err.code != CODE_NOINPUT)
        return;
    own(fd_fini) int lease = lease_take(store, id, 0, &err);
    if (lease >= 0)
        destroy_directory(store, id, &err);
}

void sweep(struct store *store, int64_t now, bool (*stop)(void *context), void *context)
{
    own(str_fini) char *jobs = str_print("%s/jobs", store->dir);
    if (!take_turn(store, now))
        return;
    image_collect(store->dir, now / 1000 - IMAGE_UNUSED_S);
    DIR *dir = opendir(jobs);
    for (struct dirent *e; dir && (e = readdir(dir)) && !(stop && stop(context));)
        if (uuid_valid(e->d_name))
            sweep_directory(store, e->d_name);
    if (dir)
        closedir(dir);
}
