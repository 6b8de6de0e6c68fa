#include <fcntl.h>
#include "host/clock.h"
#include "host/lock.h"
#include "host/path.h"
#include "job/lease.h"

int lease_take(const struct store *store, const char *id, int64_t wait_ms, struct err *err)
{
    own(str_fini) char *path = store_job_path(store, id, "lock");
    if (path_mkparents(path, 0700, err) < 0)
        return -1;
    own(fd_fini) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, "cannot open %s", path);
    int64_t deadline = clock_boot() + wait_ms;
    int rc;
    while ((rc = lock_try(fd)) != 1) {
        if (rc < 0)
            return err_sys(err, "cannot lock %s", path);
        if (clock_boot() >= deadline)
            return err_set(err, CODE_TEMP, "another process is at work on job %s; try again", id);
        usleep(20000);
    }
    int held = fd;
    fd = -1;
    return held;
}

bool lease_held(const struct store *store, const char *id)
{
    own(str_fini) char *path = store_job_path(store, id, "lock");
    return lock_is_held(path);
}
