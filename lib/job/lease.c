#include <fcntl.h>
#include "host/clock.h"
#include "host/lock.h"
#include "host/path.h"
#include "job/lease.h"

/* A job's directory goes with its destruction: a lock that is no longer there guards nothing. */
static bool is_there(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

/* 1 with the lease, 0 when another has it, -1. */
static int try_lease(const char *path, int *held, struct err *err)
{
    if (path_mkparents(path, 0700, err) < 0)
        return -1;
    own(fd_fini) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 && errno == ENOENT) /* the directory went between both */
        return 0;
    if (fd < 0)
        return err_sys(err, "cannot open %s", path);
    int rc = lock_try(fd);
    if (rc < 0)
        return err_sys(err, "cannot lock %s", path);
    if (rc == 0 || !is_there(fd, path))
        return 0;
    *held = fd;
    fd = -1;
    return 1;
}

int lease_take(const struct store *store, const char *id, int64_t wait_ms, struct err *err)
{
    own(str_fini) char *path = store_job_path(store, id, "lock");
    int64_t deadline = clock_boot() + wait_ms;
    int rc, held = -1;
    while ((rc = try_lease(path, &held, err)) == 0) {
        if (clock_boot() >= deadline)
            return err_set(err, CODE_TEMP, "another process is at work on job %s; try again", id);
        usleep(20000);
    }
    return rc < 0 ? -1 : held;
}

bool lease_held(const struct store *store, const char *id)
{
    own(str_fini) char *path = store_job_path(store, id, "lock");
    return lock_ask(path) == LOCK_HELD;
}
