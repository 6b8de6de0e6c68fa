#include <fcntl.h>
#include "host/clock.h"
#include "host/path.h"
#include "job/lease.h"

/* Of the open file description, so that asking about it (F_OFD_GETLK) never takes it. */
static struct flock whole(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

int lease_take(const struct store *store, const char *id, int64_t wait_ms, struct err *err)
{
    own(str_fini) char *path = store_job_path(store, id, "lock");
    if (path_mkparents(path, 0700, err) < 0)
        return -1;
    own(fd_fini) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, "cannot open %s", path);
    int64_t deadline = clock_boot() + wait_ms;
    struct flock lock = whole();
    while (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
        if (errno != EAGAIN && errno != EACCES && errno != EINTR)
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
    own(fd_fini) int fd = open(path, O_RDWR | O_CLOEXEC);
    struct flock lock = whole();
    return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
